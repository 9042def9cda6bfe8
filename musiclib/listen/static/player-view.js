/*
 * What a stage shows of a sound: its spectrogram with axes, the cursor, and the slider above them that
 * moves it. `player-stage.js` owns one of these.
 */
(() => {
  "use strict";

  const shared = (globalThis.MusiclibPlayer ??= {});
  const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300];

  /** A new element with attributes and a text. */
  function make(name, attributes, parent, text = "") {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text) element.textContent = text;
    parent?.append(element);
    return element;
  }

  const seconds = (value) => value.toFixed(value < 1000 ? 1 : 0);

  class View {
    /**
     * @param parent element of the stage
     * @param image a picture of the page, of the size that all those of the stage have; may be null
     * @param stage has duration, position and seek(seconds)
     */
    constructor(parent, image, stage) {
      this.stage = stage;
      this.element = make("div", { class: "ml-view" }, parent);
      this.ground = make("div", { class: "ml-ground" }, this.element);
      this.ground.classList.toggle("ml-bare", !image);
      if (image) {
        const size = { width: image.getAttribute("width"), height: image.getAttribute("height") };
        const lazy = { class: "ml-spectrogram", loading: "lazy", decoding: "async" };
        this.image = make("img", { ...lazy, ...size, alt: image.alt }, this.ground);
        this.buildAxis(Number(image.dataset.khz));
      }
      this.cursor = make("span", { class: "ml-cursor", "aria-hidden": "true" }, this.ground);
      const slider = { role: "slider", tabindex: "0", "aria-label": "Position", "aria-valuemin": "0" };
      this.slider = make("div", { class: "ml-slider", ...slider }, this.ground);
      this.times = make("div", { class: "ml-times", "aria-hidden": "true" }, this.element);
      this.listen();
    }

    buildAxis(top) {
      if (!top) return;
      this.axis = make("div", { class: "ml-axis", "aria-hidden": "true" }, this.ground);
      for (const value of [top, top / 2, 0]) {
        make("span", {}, this.axis, `${Number(value.toFixed(2))}${value === top ? " kHz" : ""}`);
      }
    }

    /** A press or a drag: the cursor follows, and the sound goes there when the pointer is lifted. */
    listen() {
      const { slider, stage } = this;
      let held = false;
      const at = (event) => {
        const box = slider.getBoundingClientRect();
        return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * stage.duration;
      };
      slider.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        held = true;
        slider.setPointerCapture(event.pointerId);
        this.preview = at(event);
        stage.tick();
      });
      slider.addEventListener("pointermove", (event) => {
        if (!held) return;
        this.preview = at(event);
        stage.tick();
      });
      for (const type of ["pointerup", "pointercancel"]) {
        slider.addEventListener(type, (event) => {
          if (!held) return;
          held = false;
          this.preview = undefined;
          if (type === "pointerup") {
            stage.seek(at(event));
            if (!stage.deck.wanted) stage.play();
          }
          stage.tick();
        });
      }
    }

    /** Show another system's picture. */
    show(image) {
      if (!this.image || !image) return;
      this.image.alt = image.alt;
      this.image.src = image.src;
    }

    /** Hide what tells systems apart. */
    blind(hidden) {
      for (const part of [this.image, this.axis]) if (part) part.hidden = hidden;
    }

    /** Labels of the time axis, few enough for a phone. */
    ticks(length) {
      if (!length || this.ticked === length) return;
      this.ticked = length;
      const step = TICKS.find((value) => length / value <= 6) ?? length;
      this.times.replaceChildren();
      for (let value = 0; value <= length * 1.005; value += step) {
        const mark = make("span", {}, this.times, `${Number(value.toFixed(2))} s`);
        const share = `${Math.min((100 * value) / length, 100)}%`;
        mark.style.left = share;
        mark.style.transform = `translateX(-${share})`; // the first one begins, the last one ends there
      }
    }

    /** Move the cursor; `spoken`: also for screen readers, which would repeat it all the time. */
    move(at, duration, spoken) {
      if (!spoken && document.activeElement === this.slider) return;
      this.slider.setAttribute("aria-valuemax", duration.toFixed(1));
      this.slider.setAttribute("aria-valuenow", at.toFixed(1));
      this.slider.setAttribute("aria-valuetext", `${seconds(at)} of ${seconds(duration)} seconds`);
    }
  }

  Object.assign(shared, { View, make, seconds });
})();
