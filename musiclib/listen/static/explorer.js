/*
 * Explorers: sliders and choices in front of a list of settings, whose pictures, sounds and
 * figures are files. Without this script a page shows the setting at the start and the list.
 *
 * Only files of the setting that is shown are loaded. A sound that plays goes on at the same place
 * when the setting changes (explorer-deck.js).
 */
(() => {
  "use strict";

  if (window.mlExplorers) return; // a notebook holds this script once for each explorer
  window.mlExplorers = true;

  const SPOKEN_AFTER_MS = 400;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  let count = 0;

  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }

  /** A slider over the values that exist, or a group of choices. */
  class Control {
    constructor(spec, key, chosen) {
      this.spec = spec;
      this.chosen = chosen;
      this.offered = spec.texts.map((_, index) => index);
      this.element = make(spec.slides ? "div" : "fieldset", "mx-control");
      if (spec.slides) this.buildSlider(key);
      else this.buildChoice(key);
    }

    buildSlider(key) {
      const label = make("label", "mx-name", this.spec.label);
      this.input = make("input");
      this.input.type = "range";
      this.input.id = label.htmlFor = key;
      this.input.min = 0;
      this.input.step = 1;
      this.output = make("output", "mx-value");
      this.output.htmlFor = key;
      // The slider says its value itself; read aloud twice it would be a nuisance.
      this.output.setAttribute("aria-live", "off");
      this.input.addEventListener("input", () => this.chosen(this.offered[this.input.value]));
      this.element.append(label, this.output, this.input);
    }

    buildChoice(key) {
      this.element.append(make("legend", "mx-name", this.spec.label));
      const row = make("div", "mx-choices");
      this.radios = this.spec.texts.map((text, index) => {
        const label = make("label", "mx-choice");
        const radio = make("input");
        radio.type = "radio";
        radio.name = key;
        radio.addEventListener("change", () => this.chosen(index));
        label.append(radio, make("span", "", text));
        row.append(label);
        return radio;
      });
      this.element.append(row);
    }

    show(value, offered) {
      this.offered = offered;
      if (this.radios) {
        this.radios.forEach((radio, index) => {
          radio.checked = index === value;
          radio.disabled = !offered.includes(index);
          radio.parentElement.hidden = radio.disabled;
        });
        return;
      }
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
      this.frames = new Map();
      for (const item of root.querySelectorAll("[data-mx-at]")) {
        this.frames.set(item.dataset.mxAt, item);
      }
      this.at = numbers(root.dataset.mxStart);
      this.wish = [...this.at]; // what was asked for, also where it does not exist
      this.deck = new window.mlExplorerDeck(root, () => this.listen(), Number(root.dataset.mxSeconds));
      root.mxDeck = this.deck;
      this.heard = null; // number of the pane whose sound plays or was heard last
      this.build(JSON.parse(root.dataset.mx));
      this.show();
    }

    build(specs) {
      const box = make("div", "mx-controls");
      this.controls = specs.map((spec, place) => {
        const chosen = (value) => this.choose(place, value);
        const control = new Control(spec, `${this.key}-${place}`, chosen);
        // What cannot be changed is no control.
        if (spec.texts.length > 1) box.append(control.element);
        return control;
      });
      this.status = make("p", "mx-status");
      this.status.setAttribute("role", "status");
      this.stage.before(box);
      this.stage.after(this.status);
      this.panes = [...this.stage.querySelectorAll(".mx-pane")].map((pane, number) => this.equip(pane, number));
      if (this.panes.some((pane) => pane.button)) this.stage.before(this.buildTransport());
      this.root.addEventListener("keydown", (event) => this.onKey(event));
      this.root.classList.add("mx-ready");
    }

    /** Put a button in the place of a pane's player. */
    equip(pane, number) {
      const player = pane.querySelector("audio");
      if (!player) return { pane };
      const button = make("button", "mx-play");
      button.type = "button";
      button.addEventListener("click", () => this.toggle(number));
      const source = player.getAttribute("src");
      player.replaceWith(button);
      return { pane, button, source };
    }

    buildTransport() {
      const bar = make("div", "mx-transport");
      const label = make("label", "mx-name", "Position");
      this.position = make("input");
      this.position.type = "range";
      this.position.id = label.htmlFor = `${this.key}-position`;
      this.position.min = 0;
      this.position.step = 0.05;
      this.position.value = 0;
      this.position.addEventListener("input", () => this.deck.seek(Number(this.position.value)));
      this.time = make("span", "mx-value");
      this.time.setAttribute("aria-hidden", "true");
      const repeat = make("label", "mx-choice");
      const box = make("input");
      box.type = "checkbox";
      box.checked = this.deck.loops;
      box.addEventListener("change", () => this.deck.repeat(box.checked));
      repeat.append(box, make("span", "", "Repeat"));
      bar.append(label, this.time, repeat, this.position);
      this.transport = bar;
      return bar;
    }

    choose(place, value) {
      this.wish[place] = value;
      this.at = this.nearest();
      this.show();
    }

    /** The existing setting next to what was asked for; earlier controls count first. */
    nearest() {
      let left = [...this.frames.keys()].map(numbers);
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
      const values = [...this.frames.keys()].map(numbers).filter(same).map((at) => at[place]);
      return [...new Set(values)].sort((a, b) => a - b);
    }

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
        const [picture, image] = [from, to.pane].map((pane) => pane.querySelector("img"));
        if (image.getAttribute("src") !== picture.getAttribute("src")) {
          image.src = picture.getAttribute("src");
        }
        image.alt = picture.alt;
        if (to.button) to.source = from.querySelector("audio").getAttribute("src");
      });
      const heard = this.panes[this.heard];
      if (this.deck.playing && heard) this.deck.play(heard.source);
      this.listen();
      this.say(item);
    }

    toggle(number) {
      if (this.deck.playing && this.heard === number) {
        this.deck.pause();
      } else {
        this.heard = number;
        this.deck.play(this.panes[number].source);
      }
      this.listen();
    }

    onKey(event) {
      // The theme would turn the page.
      if (event.key.startsWith("Arrow") && event.target.matches("input")) event.stopPropagation();
      if (event.ctrlKey || event.altKey || event.metaKey || !/^[0-9]$/.test(event.key)) return;
      const voices = this.panes.flatMap((pane, number) => (pane.button ? [number] : []));
      const number = voices[Number(event.key)];
      if (number === undefined) return;
      event.preventDefault();
      if (!this.deck.playing || this.heard !== number) this.toggle(number);
    }

    /** Show what is heard, and where it is. */
    listen() {
      this.panes.forEach(({ pane, button }, number) => {
        if (!button) return;
        const label = pane.querySelector(".mx-label").textContent;
        const on = this.deck.playing && this.heard === number;
        pane.toggleAttribute("data-mx-playing", on);
        setText(button, on ? "Pause" : "Play");
        button.setAttribute("aria-label", `${on ? "Pause" : "Play"}: ${label}`);
      });
      if (!this.transport) return;
      const { seconds, length: duration } = this.deck;
      this.position.max = duration;
      this.position.value = seconds;
      this.position.setAttribute("aria-valuetext", `${seconds.toFixed(1)} of ${duration.toFixed(1)} seconds`);
      setText(this.time, `${seconds.toFixed(1)} / ${duration.toFixed(1)} s`);
      this.root.style.setProperty("--mx-at", duration ? seconds / duration : 0);
      this.stage.toggleAttribute("data-mx-begun", this.deck.playing || seconds > 0);
      if (this.deck.failed) setText(this.status, "This sound could not be loaded.");
      if (this.deck.playing && !calm.matches && !this.frame) {
        this.frame = requestAnimationFrame(() => {
          this.frame = 0;
          this.listen();
        });
      }
    }

    /** Tell screen readers the figures, once the slider rests. */
    say(item) {
      clearTimeout(this.speech);
      if (!this.spoken) {
        this.spoken = true; // nothing was changed yet
        return;
      }
      this.speech = setTimeout(() => {
        const words = [...item.querySelectorAll(".mx-setting, .mx-label, .mx-facts > div")];
        setText(this.status, words.map((each) => each.textContent.replace(/\s+/g, " ")).join(", "));
      }, SPOKEN_AFTER_MS);
    }
  }

  const numbers = (text) => text.split(" ").map(Number);

  function setText(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function copyText(from, to, selector) {
    setText(to.querySelector(selector), from.querySelector(selector).textContent);
  }

  function copyFacts(from, to) {
    const [facts, place] = [from, to].map((each) => each.querySelector(":scope > .mx-facts"));
    if (facts && place) place.replaceChildren(...facts.cloneNode(true).children);
    else if (facts) to.append(facts.cloneNode(true));
    else place?.remove();
  }

  function begin() {
    document.querySelectorAll(".mx[data-mx]:not(.mx-ready)").forEach((root) => new Explorer(root));
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
