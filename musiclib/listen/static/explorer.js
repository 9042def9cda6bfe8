/*
 * Explorers: sliders and choices in front of a list of settings, whose pictures, sounds and
 * figures are files. Without this script a page shows the setting at the start and the list.
 *
 * Only files of the setting that is shown are loaded. A sound that plays goes on at the same place
 * when the setting changes (listen.js).
 */
(() => {
  "use strict";

  const {
    make, makePlayButton, makeStatus, setText, numbers, seconds, hasModifier, calm, oneAtATime, announceStart, openDeck,
  } = globalThis.MusiclibListen;
  const SPOKEN_AFTER_MS = 400;
  let count = 0;

  function copyText(from, to, selector) {
    setText(to.querySelector(selector), from.querySelector(selector).textContent);
  }

  function copyFacts(from, to) {
    const [facts, old] = [from, to].map((each) => each.querySelector(":scope > .mx-facts"));
    old?.remove();
    if (facts) to.append(facts.cloneNode(true));
  }

  /** A slider over the values that exist, or a group of choices. */
  class Control {
    constructor(spec, key, chosen) {
      this.spec = spec;
      this.offered = [];
      this.element = make(spec.slides ? "div" : "fieldset", { class: "mx-control" });
      if (spec.slides) this.buildSlider(key, chosen);
      else this.buildChoice(key, chosen);
    }

    buildSlider(key, chosen) {
      make("label", { class: "mx-name", for: key }, this.element, this.spec.label);
      // The slider says its value itself; read aloud twice it would be a nuisance.
      this.output = make("output", { class: "mx-value", for: key, "aria-live": "off" }, this.element);
      this.input = make("input", { type: "range", id: key, min: 0, step: 1 }, this.element);
      this.input.addEventListener("input", () => chosen(this.offered[this.input.value]));
    }

    buildChoice(key, chosen) {
      make("legend", { class: "mx-name" }, this.element, this.spec.label);
      const row = make("div", { class: "mx-choices" }, this.element);
      this.radios = this.spec.texts.map((text, index) => {
        const label = make("label", { class: "mx-choice" }, row);
        const radio = make("input", { type: "radio", name: key }, label);
        make("span", {}, label, text);
        radio.addEventListener("change", () => chosen(index));
        return radio;
      });
    }

    show(value, offered) {
      this.offered = offered;
      this.radios?.forEach((radio, index) => {
        radio.checked = index === value;
        radio.disabled = !offered.includes(index);
        radio.parentElement.hidden = radio.disabled;
      });
      if (!this.input) return;
      this.input.max = offered.length - 1;
      this.input.value = offered.indexOf(value);
      this.input.hidden = offered.length < 2; // it could not be moved
      this.output.textContent = this.spec.texts[value];
      this.input.setAttribute("aria-valuetext", this.spec.texts[value]);
    }
  }

  class Explorer {
    constructor(root) {
      this.root = root;
      this.key = `mx-input-${++count}`;
      this.stage = root.querySelector(".mx-stage");
      this.now = root.querySelector(".mx-now");
      this.frames = new Map([...root.querySelectorAll("[data-mx-at]")].map((item) => [item.dataset.mxAt, item]));
      this.settings = [...this.frames.keys()].map(numbers);
      this.at = numbers(root.dataset.mxStart);
      this.wish = [...this.at]; // what was asked for, also where it does not exist
      this.heard = null; // number of the pane whose sound plays or was heard last
      this.sources = [...new Set([...root.querySelectorAll("audio")].map((player) => player.src))];
      this.build(JSON.parse(root.dataset.mx));
      openDeck(this, this.sources, Number(root.dataset.mxSeconds), true);
      oneAtATime(this.stage, () => this.deck.wanted && this.deck.pause()); // the list has other players
      root.mxExplorer = this;
      root.classList.add("mx-ready");
      this.show();
    }

    build(specs) {
      const box = make("div", { class: "mx-controls" });
      this.controls = specs.map((spec, place) => {
        const control = new Control(spec, `${this.key}-${place}`, (value) => this.choose(place, value));
        // What cannot be changed is no control.
        if (spec.texts.length > 1) box.append(control.element);
        return control;
      });
      this.stage.before(box);
      this.speak = makeStatus(this.root);
      this.panes = [...this.stage.querySelectorAll(".mx-pane")].map((pane, number) => this.equip(pane, number));
      if (this.panes.some((pane) => pane.button)) this.buildTransport();
      this.root.addEventListener("keydown", (event) => this.onKey(event));
    }

    /** Put a button in the place of a pane's player. */
    equip(pane, number) {
      const player = pane.querySelector("audio");
      if (!player) return { pane };
      const [button, text] = makePlayButton(null, () => this.toggle(number), "mx-play ml-button");
      player.replaceWith(button);
      return { pane, button, text, source: player.src };
    }

    buildTransport() {
      const bar = make("div", { class: "mx-transport" });
      const id = `${this.key}-position`;
      make("label", { class: "mx-name", for: id }, bar, "Position");
      this.time = make("span", { class: "mx-value", "aria-hidden": "true" }, bar);
      const repeat = make("label", { class: "mx-choice" }, bar);
      const box = make("input", { type: "checkbox" }, repeat);
      make("span", {}, repeat, "Repeat");
      box.checked = true;
      box.addEventListener("change", () => (this.deck.loop = box.checked));
      this.position = make("input", { type: "range", id, min: 0, step: 0.05, value: 0 }, bar);
      this.position.addEventListener("input", () => this.deck.seek(Number(this.position.value)));
      this.stage.before(bar);
    }

    choose(place, value) {
      this.wish[place] = value;
      this.at = this.nearest();
      this.say(this.show());
    }

    /** The existing setting next to what was asked for; earlier controls count first. */
    nearest() {
      let left = this.settings;
      this.wish.forEach((wish, place) => {
        const distance = (at) => Math.abs(at[place] - wish);
        const best = Math.min(...left.map(distance));
        left = left.filter((at) => distance(at) === best);
      });
      return left[0];
    }

    /** Values of a control that exist with those of the controls before it. */
    offered(place) {
      const same = (at) => at.slice(0, place).every((value, before) => value === this.at[before]);
      return [...new Set(this.settings.filter(same).map((at) => at[place]))].sort((a, b) => a - b);
    }

    /** Show a setting; gives its item of the list. */
    show() {
      const item = this.frames.get(this.at.join(" "));
      this.controls.forEach((control, place) => control.show(this.at[place], this.offered(place)));
      copyText(item, this.now, ":scope > .mx-setting");
      copyFacts(item, this.now);
      const shown = this.panes.filter(({ pane }) => this.now.contains(pane));
      item.querySelectorAll(".mx-pane").forEach((from, number) => {
        const to = shown[number];
        copyText(from, to.pane, ".mx-label");
        copyFacts(from, to.pane);
        const [{ src, alt }, image] = [from, to.pane].map((pane) => pane.querySelector("img"));
        if (image.src !== src) image.src = src;
        image.alt = alt;
        if (to.button) to.source = from.querySelector("audio").src;
      });
      if (this.deck.wanted) this.hear();
      this.changed();
      return item;
    }

    /** Let the deck have the sound of the pane that is heard. */
    hear() {
      const index = this.sources.indexOf(this.panes[this.heard].source);
      if (index !== this.deck.chosen) this.deck.choose(index);
    }

    toggle(number) {
      if (this.deck.wanted && this.heard === number) {
        this.deck.pause();
        return;
      }
      this.heard = number;
      this.hear();
      this.speak("");
      if (!this.deck.wanted) {
        announceStart(this.stage);
        this.deck.play();
      }
      this.changed();
    }

    onKey(event) {
      // The theme would turn the page.
      if (event.key.startsWith("Arrow") && event.target.matches("input")) event.stopPropagation();
      if (hasModifier(event) || !/^[0-9]$/.test(event.key)) return;
      const voices = this.panes.flatMap((pane, number) => (pane.button ? [number] : []));
      const number = voices[Number(event.key)];
      if (number === undefined) return;
      event.preventDefault();
      if (!this.deck.wanted || this.heard !== number) this.toggle(number);
    }

    failed() {
      this.speak("This sound could not be loaded.");
    }

    /** Show what is heard, and where it is. */
    changed() {
      const { position, duration, wanted, playing } = this.deck;
      this.panes.forEach(({ pane, button, text }, number) => {
        if (!button) return;
        const on = wanted && this.heard === number;
        button.toggleAttribute("data-playing", on);
        pane.toggleAttribute("data-mx-playing", on);
        setText(text, on ? "Pause" : "Play");
        button.setAttribute("aria-label", `${text.textContent}: ${pane.querySelector(".mx-label").textContent}`);
      });
      if (!this.position) return;
      this.position.max = duration;
      this.position.value = position;
      const [at, end] = [position, duration].map(seconds);
      this.position.setAttribute("aria-valuetext", `${at} of ${end} seconds`);
      setText(this.time, `${at} / ${end} s`);
      this.root.style.setProperty("--ml-at", position / duration);
      this.stage.toggleAttribute("data-mx-begun", wanted || position > 0);
      cancelAnimationFrame(this.frame);
      if (playing && !calm.matches) this.frame = requestAnimationFrame(() => this.changed());
    }

    /** Tell screen readers the figures, once the slider rests. */
    say(item) {
      clearTimeout(this.speech);
      this.speech = setTimeout(() => {
        const words = [...item.querySelectorAll(".mx-setting, .mx-label, .mx-facts > div")];
        this.speak(words.map((each) => each.textContent.replace(/\s+/g, " ")).join(", "));
      }, SPOKEN_AFTER_MS);
    }
  }

  document.querySelectorAll(".mx[data-mx]:not(.mx-ready)").forEach((root) => new Explorer(root));
})();
