/*
 * Comparisons of sounds: each row becomes a stage. It has tiles that play a system and say what was measured of it,
 * the spectrogram of the chosen one with a cursor that can be moved, and a blind test (`blind.js`). The page's own
 * elements give all that is shown, and stay in it, hidden. `listen.js` makes the sound.
 *
 * Keys, while the focus is in a row: space starts and stops, the left and right arrows move by two
 * seconds, Home and End to the ends, 0 plays the reference, 1 to 9 the systems. Fields for text keep
 * their keys, a button its space, the choice of systems its arrows.
 */
(() => {
  "use strict";

  const {
    make, makeButton, makeKey, makePlayButton, makeStatus, setText, setPressed, clamp, seconds, hasModifier,
    oneAtATime, announceStart, openDeck,
  } = globalThis.MusiclibListen;
  const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300];
  // Seconds by which keys move the position, and which do so on the slider only.
  const STEPS = { ArrowLeft: -2, ArrowRight: 2, Home: -Infinity, End: Infinity };
  const SLIDER_STEPS = { ...STEPS, ArrowDown: -2, ArrowUp: 2, PageDown: -10, PageUp: 10 };
  let count = 0;

  /** What the page says of a system: its words, its sound, its picture and its figures. */
  function readSystem(cell) {
    return {
      audio: cell.querySelector("audio"),
      image: cell.querySelector("img.ml-spectrogram"),
      label: cell.dataset.name,
      rate: cell.dataset.rate,
      facts: [...cell.querySelectorAll(".ml-facts > li:not(.ml-bitrate)")], // that stands beside the name
    };
  }

  /** The spectrogram of a sound with axes, the cursor, and the slider above them that moves it. */
  class View {
    constructor(stage) {
      const { image } = stage.systems[0]; // all have the same size
      this.stage = stage;
      this.element = make("div", { class: "ml-view" }, stage.element);
      this.ground = make("div", { class: "ml-ground" }, this.element);
      this.image = image.cloneNode();
      this.ground.append(this.image);
      this.axis = make("div", { class: "ml-axis", "aria-hidden": "true" }, this.ground);
      const top = Number(image.dataset.khz);
      for (const value of [top, top / 2, 0]) {
        make("span", {}, this.axis, `${Number(value.toFixed(2))}${value === top ? " kHz" : ""}`);
      }
      make("span", { class: "ml-cursor", "aria-hidden": "true" }, this.ground);
      const slider = { role: "slider", tabindex: "0", "aria-label": "Position", "aria-valuemin": "0" };
      this.slider = make("div", { class: "ml-slider", ...slider }, this.ground);
      this.times = make("div", { class: "ml-times", "aria-hidden": "true" }, this.element);
      this.listen();
    }

    /** A press or a drag: the cursor follows, and the sound goes there when the pointer is lifted. */
    listen() {
      const { slider, stage } = this;
      const at = (event) => {
        const box = slider.getBoundingClientRect();
        return clamp((event.clientX - box.left) / box.width, 0, 1) * stage.duration;
      };
      const follow = (event) => {
        this.preview = at(event);
        stage.tick();
      };
      const release = (event) => {
        if (this.preview === undefined) return;
        this.preview = undefined;
        if (event.type === "pointerup") {
          stage.seek(at(event));
          if (!stage.deck.wanted) stage.play();
        }
        stage.tick();
      };
      slider.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        slider.setPointerCapture(event.pointerId);
        follow(event);
      });
      slider.addEventListener("pointermove", (event) => this.preview !== undefined && follow(event));
      for (const type of ["pointerup", "pointercancel"]) slider.addEventListener(type, release);
    }

    /** Show a system's picture. */
    show({ alt, src }) {
      Object.assign(this.image, { alt, src });
    }

    /** Hide what tells systems apart. */
    blind(hidden) {
      for (const part of [this.image, this.axis]) part.hidden = hidden;
    }

    /** Labels of the time axis, few enough for a phone. */
    ticks(length) {
      if (this.ticked === length) return;
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
      this.stage.element.style.setProperty("--ml-at", at / duration);
      if (!spoken && document.activeElement === this.slider) return;
      this.slider.setAttribute("aria-valuemax", duration.toFixed(1));
      this.slider.setAttribute("aria-valuenow", at.toFixed(1));
      this.slider.setAttribute("aria-valuetext", `${seconds(at)} of ${seconds(duration)} seconds`);
    }
  }

  class Stage {
    /** @param row a row of a comparison */
    constructor(row) {
      this.root = row;
      this.systems = [...row.querySelectorAll("td[data-label]")].map(readSystem);
      this.blind = null;
      this.failures = new Map();
      this.build();
      const lengths = this.systems.map(({ audio }) => Number(audio.dataset.seconds));
      openDeck(this, this.systems.map(({ audio }) => audio.src), Math.max(...lengths));
      this.element.mlStage = this;
      row.setAttribute("data-on", "");
      this.view.show(this.systems[0].image);
      this.changed();
      oneAtATime(row, () => this.pause());
      row.addEventListener("keydown", (event) => this.onKey(event));
      if (this.systems.length > 1) globalThis.MusiclibListen.addBlindTest?.(this);
    }

    get position() { return this.deck.position; }
    get duration() { return this.deck.duration; }
    get playing() { return this.deck.playing; }
    get chosen() { return this.deck.chosen; }
    get output() { return this.deck.output; }

    build() {
      const title = this.root.querySelector(".ml-title").textContent;
      const seat = make("td", { class: "ml-seat", role: "none" }, this.root);
      const stage = make("div", { class: "ml-stage", role: "group", "aria-label": `Player: ${title}` }, seat);
      this.element = stage;
      this.choices = this.systems.length > 1 ? this.buildChoices(stage) : [];
      this.view = new View(this);
      this.bar = make("div", { class: "ml-bar" }, stage);
      [, this.buttonText] = makePlayButton(this.bar, () => this.toggle(), "ml-play ml-button ml-main");
      this.clock = make("span", { class: "ml-time" }, this.bar);
      const loop = () => {
        this.deck.loop = !this.deck.loop;
        this.changed();
      };
      this.loopButton = makeButton(this.bar, "Loop", loop, "ml-button ml-loop");
      this.note = make("span", { class: "ml-state" }, this.bar);
      this.alert = make("p", { class: "ml-alert", role: "alert" }, stage);
      this.speak = makeStatus(stage);
    }

    buildChoices(stage) {
      const group = make("div", { class: "ml-systems", role: "radiogroup", "aria-label": "System" }, stage);
      this.group = group;
      const name = `ml-system-${(count += 1)}`;
      const few = this.root.hasAttribute("data-tiles"); // else one picture, of the chosen system
      group.dataset.count = few ? this.systems.length : "many";
      return this.systems.map(({ label, rate, facts, image }, index) => {
        const choice = make("label", { class: "ml-system ml-button" }, group);
        const input = make("input", { type: "radio", name, value: index }, choice);
        if (few) {
          const picture = make("span", { class: "ml-thumb", "aria-hidden": "true" }, choice);
          const copy = image.cloneNode();
          copy.alt = "";
          picture.append(copy);
          make("span", { class: "ml-cursor" }, picture);
          make("span", { class: "ml-sign" }, make("span", { class: "ml-disc" }, picture));
        }
        const words = make("span", { class: "ml-what" }, choice);
        const title = make("span", { class: "ml-name" }, words, label);
        if (index < 10) makeKey(title, index);
        make("span", { class: "ml-rate" }, words, rate);
        for (const fact of facts) make("span", { class: "ml-fact" }, words).append(...fact.cloneNode(true).childNodes);
        // A press on the system that is chosen already starts and stops it.
        input.addEventListener("click", () => index === this.chosen && this.toggle());
        input.addEventListener("change", () => this.pick(index));
        return choice;
      });
    }

    toggle() {
      if (this.deck.wanted) this.pause();
      else this.play();
    }

    play() {
      this.alert.textContent = "";
      this.failures.clear();
      announceStart(this.root);
      this.deck.play();
      this.say(`Playing ${this.nameOf(this.chosen)}`);
    }

    pause() {
      if (!this.deck.wanted && !this.deck.playing) return;
      this.deck.pause();
      this.say(`Paused at ${seconds(this.position)} seconds`);
    }

    seek(value) {
      this.deck.seek(value);
      this.tick(true);
    }

    /** Choose a system and hear it. */
    pick(index) {
      this.choose(index);
      if (!this.deck.wanted) this.play();
    }

    choose(index) {
      if (!this.systems[index] || index === this.chosen) return;
      this.deck.choose(index);
      this.say(this.nameOf(index));
      this.view.show(this.systems[index].image);
      this.changed();
    }

    /** What may be said of a system; nothing but a letter in a blind test. */
    nameOf(index) {
      if (this.blind) return "A sound of the test";
      const { label, rate } = this.systems[index];
      return rate && !label.includes(rate) ? `${label}, ${rate}` : label;
    }

    say(text) {
      if (!this.blind) this.speak(text);
    }

    failed(index, reason) {
      this.failures.set(index, reason);
      const words = [...this.failures].map(([number, why]) => `${this.nameOf(number)} cannot be played: ${why}.`);
      this.alert.textContent = words.join(" ");
    }

    get state() {
      if (this.deck.playing) return "playing";
      if (this.deck.wanted) return "loading";
      return this.position > 0 ? "paused" : "idle";
    }

    /** Show what the deck does. */
    changed() {
      const { state, element, deck } = this;
      const isMedia = deck.mode === "media";
      if (this.blind && isMedia) this.blind.leave(); // it needs decoded sound
      Object.assign(element.dataset, { state, mode: deck.mode, system: deck.chosen });
      if (this.blind) delete element.dataset.system;
      this.buttonText.textContent = deck.wanted ? "Pause" : "Play";
      setPressed(this.loopButton, deck.loop);
      this.choices.forEach((choice, index) => {
        choice.firstChild.checked = !this.blind && index === deck.chosen;
        choice.toggleAttribute("data-failed", this.failures.has(index));
      });
      const hasGaps = isMedia && this.systems.length > 1;
      const gaps = hasGaps ? "Files cannot be decoded here: switching may leave a short gap." : "";
      this.note.textContent = state === "loading" ? "Loading …" : gaps;
      if (this.blindButton) this.blindButton.hidden = isMedia || this.blind !== null;
      this.view.ticks(this.duration);
      this.tick(state !== "playing");
    }

    /** Show where the sound is. */
    tick(spoken = false) {
      const { duration } = this;
      const at = this.view.preview ?? this.position;
      this.view.move(at, duration, spoken);
      setText(this.clock, `${seconds(at)} / ${seconds(duration)} s`);
      cancelAnimationFrame(this.frame);
      if (this.deck.playing) this.frame = requestAnimationFrame(() => this.tick());
    }

    onKey(event) {
      if (hasModifier(event) || event.defaultPrevented) return;
      if (this.bar.hidden) return; // a blind test begins or ends
      const { target, key } = event;
      const radio = target.matches("input[type=radio]");
      if (!radio && target.closest("input, select, textarea, a, summary, [contenteditable]")) return;
      if (key.startsWith("Arrow") && radio) {
        event.stopPropagation(); // the theme would turn the page
        return;
      }
      const step = (target === this.view.slider ? SLIDER_STEPS : STEPS)[key];
      if (key === " ") {
        if (target.closest("button")) return;
        this.toggle();
      } else if (step) {
        this.seek(clamp(this.position + step, 0, this.duration));
      } else if (this.blind) {
        if (!this.blind.onKey(key)) return;
      } else if (/^[0-9]$/.test(key) && this.choices.length > Number(key)) {
        this.pick(Number(key));
        if (radio) this.choices[this.chosen].firstChild.focus();
      } else return;
      event.preventDefault();
      event.stopPropagation();
    }
  }

  /** With stages the rows of a comparison are no table any more, for screen readers either. */
  function adaptTable(comparison) {
    const table = comparison.querySelector("table");
    table.setAttribute("role", "group");
    for (const part of table.querySelectorAll("tbody, tr, tbody th")) part.setAttribute("role", "none");
    table.tHead.hidden = true;
    if (comparison.matches("[data-tabs]")) addTabs(table, [...table.querySelectorAll("tr[data-on]")]);
  }

  /** Buttons of which each shows one row; what plays goes on with the same system of that row. */
  function addTabs(table, rows) {
    if (rows.length < 2) return;
    const bar = make("div", { class: "ml-tabs", role: "group", "aria-label": "Clip" });
    const stageOf = (row) => row.querySelector(".ml-stage").mlStage;
    const show = (chosen) => {
      const before = stageOf(rows.find((row) => !row.hidden));
      rows.forEach((row, index) => (row.hidden = index !== chosen));
      tabs.forEach((tab, index) => setPressed(tab, index === chosen));
      const now = stageOf(rows[chosen]);
      if (now === before) return;
      const { wanted } = before.deck;
      before.blind?.leave();
      before.pause();
      now.choose(before.chosen);
      if (wanted) now.play();
    };
    const tabs = rows.map((row, index) => makeButton(bar, row.dataset.tab, () => show(index)));
    table.before(bar);
    show(0);
  }

  for (const row of document.querySelectorAll("[data-ml-group]")) new Stage(row);
  const comparisons = document.querySelectorAll(".ml-comparison");
  comparisons.forEach(adaptTable);
  const hint =
    "Keys, once the focus is in a player: space to start and stop, left and right to move by 2 s, " +
    "0 for the reference, digits for the systems.";
  const caption = comparisons[0]?.querySelector("caption"); // once is enough
  if (caption) make("span", { class: "ml-note ml-hint" }, caption, hint);
})();
