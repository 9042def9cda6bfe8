/*
 * Stages of the players: tiles that play a system and say what was measured of it, and the spectrogram
 * of the chosen one with a cursor that can be moved. The page's own elements give all that is shown, and
 * stay in it, hidden. `player-deck.js` makes the sound, `player.js` the keys and the order among players.
 */
(() => {
  "use strict";

  const shared = (globalThis.MusiclibPlayer ??= {});
  const make = (...parts) => shared.make(...parts); // of a script that may come later
  let count = 0;

  /** What the page says of a system: its words, its sound, its picture and its figures. */
  function readSystem(audio) {
    const cell = audio.closest("td");
    const image = (cell ?? audio.parentElement).querySelector("img.ml-spectrogram");
    const label = cell?.dataset.name ?? audio.closest("figure")?.querySelector(".ml-label")?.textContent;
    const rate = cell?.dataset.rate ?? "";
    // The bitrate stands beside the name.
    const facts = cell ? [...cell.querySelectorAll(".ml-facts > li:not(.ml-bitrate)")] : [];
    return { audio, image, facts, label: label ?? "Sound", rate };
  }

  class Stage {
    /** @param root a row of a comparison or the figure of a player */
    constructor(root) {
      this.root = root;
      this.systems = [...root.querySelectorAll("audio")].map(readSystem);
      this.title = root.querySelector(".ml-title, .ml-label")?.textContent ?? "Sound";
      this.blind = null;
      this.failures = new Map();
      this.build();
      this.media = location.protocol === "file:"; // files of a disk cannot be fetched
      this.deck = this.makeDeck();
      this.element.mlStage = this;
      root.setAttribute("data-on", "");
      this.picture();
      this.render();
    }

    get position() { return this.deck.position; }
    get duration() { return this.deck.duration; }
    get playing() { return this.deck.playing; }
    get chosen() { return this.deck.chosen; }
    get output() { return this.deck.output; }

    makeDeck() {
      const players = this.systems.map(({ audio }) => audio);
      const length = Math.max(0, ...players.map((player) => Number(player.dataset.seconds) || 0));
      let deck = null;
      const current = () => deck !== null && deck === this.deck; // not one that was given up
      const hooks = {
        changed: () => current() && this.render(),
        failed: (index, error) => current() && this.onFailure(index, error),
      };
      if (this.media) deck = new shared.MediaDeck(players, length, hooks);
      else deck = new shared.WebDeck(players.map((player) => player.src), length, hooks);
      return deck;
    }

    build() {
      const seat = this.root.localName === "tr" ? make("td", { class: "ml-seat", role: "none" }) : this.root;
      const stage = make("div", { class: "ml-stage", role: "group", "aria-label": `Player: ${this.title}` });
      this.element = stage;
      this.choices = this.systems.length > 1 ? this.buildChoices(stage) : [];
      this.view = new shared.View(stage, this.systems[0].image, this);
      this.slider = this.view.slider;
      const bar = make("div", { class: "ml-bar" }, stage);
      this.button = make("button", { class: "ml-play", type: "button" }, bar);
      make("span", { class: "ml-sign", "aria-hidden": "true" }, this.button);
      this.buttonText = make("span", {}, this.button, "Play");
      this.clock = make("span", { class: "ml-time" }, bar);
      this.loopButton = make("button", { class: "ml-button ml-loop", type: "button" }, bar, "Loop");
      this.loopButton.addEventListener("click", () => this.setLoop(!this.deck.loop));
      this.note = make("span", { class: "ml-state" }, bar);
      this.bar = bar;
      this.alert = make("p", { class: "ml-alert", role: "alert" }, stage);
      this.status = make("span", { class: "ml-hidden", role: "status" }, stage);
      this.button.addEventListener("click", () => this.toggle());
      if (seat === this.root) seat.prepend(stage);
      else {
        seat.append(stage);
        this.root.append(seat);
      }
    }

    buildChoices(stage) {
      const group = make("div", { class: "ml-systems", role: "radiogroup", "aria-label": "System" }, stage);
      this.group = group;
      const name = `ml-system-${(count += 1)}`;
      const few = this.root.hasAttribute("data-tiles"); // else one picture, of the chosen system
      group.dataset.count = few ? this.systems.length : "many";
      return this.systems.map(({ label, rate, facts, image }, index) => {
        const choice = make("label", { class: "ml-system" }, group);
        const input = make("input", { type: "radio", name, value: index }, choice);
        input.checked = index === 0;
        if (few && image) {
          const picture = make("span", { class: "ml-thumb", "aria-hidden": "true" }, choice);
          const lazy = { loading: "lazy", decoding: "async", width: image.width, height: image.height };
          make("img", { ...lazy, class: "ml-spectrogram", src: image.src, alt: "" }, picture);
          make("span", { class: "ml-cursor" }, picture);
          make("span", { class: "ml-sign" }, make("span", { class: "ml-disc" }, picture));
        }
        const words = make("span", { class: "ml-what" }, choice);
        const title = make("span", { class: "ml-name" }, words, label);
        if (index < 10) make("kbd", { class: "ml-key", "aria-hidden": "true" }, title, String(index));
        make("span", { class: "ml-rate" }, words, rate);
        for (const fact of facts) {
          const line = make("span", { class: "ml-fact" }, words);
          line.append(...[...fact.childNodes].map((node) => node.cloneNode(true)));
        }
        // A press on the system that is chosen already starts and stops it.
        input.addEventListener("click", () => index === this.chosen && this.toggle());
        input.addEventListener("change", () => this.pick(index));
        return choice;
      });
    }

    setLoop(on) {
      this.deck.loop = on;
      this.render();
    }

    toggle() {
      if (this.deck.wanted) this.pause();
      else this.play();
    }

    play() {
      this.alert.textContent = "";
      this.failures.clear();
      shared.announceStart(this.root);
      this.deck.play();
      this.say(`Playing ${this.nameOf(this.chosen)}`);
    }

    pause() {
      if (!this.deck.wanted && !this.deck.playing) return;
      this.deck.pause();
      this.say(`Paused at ${shared.seconds(this.position)} seconds`);
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
      this.picture();
      this.render();
    }

    /** What may be said of a system; nothing but a letter in a blind test. */
    nameOf(index) {
      if (this.blind) return this.blind.nameOf(index);
      const { label, rate } = this.systems[index];
      return rate && !label.includes(rate) ? `${label}, ${rate}` : label;
    }

    say(text) {
      if (!this.blind) this.status.textContent = text;
    }

    onFailure(index, error) {
      if (error.elsewhere && !this.media) {
        this.useMedia();
        return;
      }
      if (index === this.deck.chosen) this.deck.wanted = false;
      this.failures.set(index, error.message);
      const words = [...this.failures].map(([number, reason]) => `${this.nameOf(number)} cannot be played: ${reason}.`);
      this.alert.textContent = words.join(" ");
      this.render();
    }

    /** Go on with the page's audio elements. */
    useMedia() {
      const { position, wanted, chosen, loop } = this.deck;
      this.deck.pause();
      this.media = true;
      this.blind?.leave();
      this.deck = this.makeDeck();
      this.deck.loop = loop;
      this.deck.choose(chosen);
      this.deck.seek(position);
      if (wanted) this.deck.play();
      this.render();
    }

    /** The picture of the chosen system. */
    picture() {
      this.view.show(this.systems[this.chosen].image);
    }

    get state() {
      if (this.deck.playing) return "playing";
      if (this.deck.wanted) return "loading";
      return this.position > 0 ? "paused" : "idle";
    }

    render() {
      const { state, element } = this;
      element.dataset.state = state;
      element.dataset.mode = this.deck.mode;
      if (this.blind) delete element.dataset.system;
      else element.dataset.system = this.chosen;
      this.buttonText.textContent = this.deck.wanted ? "Pause" : "Play";
      this.loopButton.setAttribute("aria-pressed", String(this.deck.loop));
      this.choices.forEach((choice, index) => {
        choice.firstChild.checked = !this.blind && index === this.chosen;
        choice.toggleAttribute("data-failed", this.failures.has(index));
      });
      this.note.textContent = "";
      if (state === "loading") this.note.textContent = "Loading …";
      else if (this.media && this.systems.length > 1) {
        this.note.textContent = "Files cannot be decoded here: switching may leave a short gap.";
      }
      if (this.blindButton) this.blindButton.hidden = this.media || this.blind !== null;
      this.view.ticks(this.duration);
      this.blind?.render();
      this.tick(state !== "playing");
    }

    /** Show where the sound is. */
    tick(spoken = false) {
      const { duration } = this;
      const at = this.view.preview ?? this.position;
      this.view.move(at, duration, spoken);
      this.element.style.setProperty("--ml-at", duration ? at / duration : 0);
      const text = `${shared.seconds(at)}${duration ? ` / ${shared.seconds(duration)}` : ""} s`;
      if (this.clock.textContent !== text) this.clock.textContent = text;
      cancelAnimationFrame(this.frame);
      if (this.deck.playing) this.frame = requestAnimationFrame(() => this.tick());
    }
  }

  Object.assign(shared, { Stage });
})();
