/*
 * Blind A/B/X test in a row of a comparison. The listener picks two systems. They become A and B in
 * an order that chance decides, and in each trial X is one of them, again by chance. A, B and X switch
 * without a gap, and nothing on the page tells them apart: pictures, figures and names are hidden until
 * the end. The sound goes on from trial to trial, with A, so that no change from one X to the next is
 * heard. Nothing is kept but in memory, and both sounds are decoded before the first trial.
 */
(() => {
  "use strict";

  const shared = globalThis.MusiclibListen;
  const { make } = shared;
  const TRIALS = [5, 10, 16, 20];
  const LETTERS = ["A", "B", "X"];

  /** Probability of at least `right` of `trials` by guessing: the tail of the binomial with 1/2. */
  function byGuessing(right, trials) {
    let ways = 1; // to choose `count` of `trials`
    let sum = 0;
    for (let count = 0; count <= trials; count += 1) {
      if (count >= right) sum += ways;
      ways = (ways * (trials - count)) / (count + 1);
    }
    return sum / 2 ** trials;
  }

  const toss = () => crypto.getRandomValues(new Uint8Array(1))[0] & 1;

  /** What a score means, in words. */
  function verdict(right, trials) {
    const chance = byGuessing(right, trials);
    const often = chance > 0.5 ? "more than half of all tests" : `about one test in ${Math.round(1 / chance)}`;
    const number = chance < 0.001 ? chance.toExponential(1) : Number(chance.toPrecision(3));
    const meaning =
      chance < 0.05
        ? "So it is unlikely that you were guessing: you probably heard a difference."
        : "Luck does that often enough: this test does not show that you heard a difference. It does not show that there is none.";
    return (
      `Someone who only guesses gets at least ${right} of ${trials} right in ${often} ` +
      `(probability ${number}). ${meaning}`
    );
  }

  class BlindTest {
    #systems = [0, 1]; // numbers of the systems behind A and B
    #secret = 0; // which of the two X is
    #trials = []; // [what X was, what was answered]

    constructor(stage) {
      this.stage = stage;
      this.before = stage.chosen;
      this.heard = "A";
      this.planned = 10;
      stage.pause();
      stage.blind = this;
      this.panel = make("div", { class: "ml-blind", role: "group", "aria-label": "Blind test" });
      stage.bar.before(this.panel);
      this.hide(true);
      this.showSetup();
    }

    /** Everything that could tell what is heard. */
    hide(hidden) {
      const { stage } = this;
      stage.group.hidden = hidden;
      stage.view.blind(hidden);
      stage.element.toggleAttribute("data-blind", hidden);
      this.showSound(!hidden);
      if (!hidden) stage.view.show(stage.systems[stage.chosen].image);
    }

    /** Show or hide the slider and the button that plays. */
    showSound(shown) {
      this.stage.bar.hidden = !shown;
      this.stage.view.element.hidden = !shown;
    }

    say(text) {
      this.stage.status.textContent = text;
    }

    clear(words) {
      this.panel.replaceChildren();
      this.head = make("p", { class: "ml-blind-head", tabindex: "-1" }, this.panel, words);
    }

    button(text, act, parent, kind = "") {
      const button = make("button", { type: "button", class: `ml-button ${kind}` }, parent, text);
      button.addEventListener("click", act);
      return button;
    }

    showSetup() {
      this.clear("Can you hear which is which?");
      const explain =
        "Two systems become A and B, and X is one of them: by chance, and hidden. Switch between the three " +
        "as often as you like, then say which one X is. The score comes at the end.";
      make("p", { class: "ml-note" }, this.panel, explain);
      const form = make("div", { class: "ml-blind-form" }, this.panel);
      const { stage } = this;
      const names = stage.systems.map(({ label, rate }) => (rate ? `${label}, ${rate}` : label));
      const first = this.before === 0 ? names.length - 1 : this.before;
      this.selects = [
        this.select(form, "Compare", names, 0),
        this.select(form, "with", names, first),
        this.select(form, "Trials", TRIALS, TRIALS.indexOf(this.planned)),
      ];
      this.begin = this.button("Start", () => this.start(), form, "ml-main");
      this.button("Cancel", () => this.leave(), form);
      this.selects[1].focus();
    }

    select(form, label, names, chosen) {
      const field = make("label", { class: "ml-field" }, form, `${label} `);
      const select = make("select", {}, field);
      names.forEach((name, index) => make("option", { value: index }, select, String(name)));
      select.selectedIndex = chosen;
      return select;
    }

    async start() {
      const [one, other, trials] = this.selects.map((select) => select.selectedIndex);
      if (one === other) {
        this.head.textContent = "Choose two different systems.";
        this.say(this.head.textContent);
        this.selects[1].focus();
        return;
      }
      this.planned = TRIALS[trials];
      this.#systems = toss() ? [other, one] : [one, other];
      this.#trials = [];
      this.begin.disabled = true;
      this.say("Loading the two sounds.");
      const { deck } = this.stage;
      try {
        await Promise.all([deck.load(one), deck.load(other)]);
      } catch {
        this.begin.disabled = false; // the stage has said what is wrong
        return;
      }
      if (this.stage.blind !== this || this.stage.deck !== deck) return; // left in the meantime
      // A longer file would give itself away at its end.
      deck.limit = Math.min(...[one, other].map((index) => deck.tracks[index].buffer.duration));
      this.stage.seek(0);
      this.nextTrial();
    }

    nextTrial() {
      this.#secret = toss();
      this.showSound(true);
      const words = `Trial ${this.#trials.length + 1} of ${this.planned}`;
      this.clear(words);
      const letters = make("div", { class: "ml-letters" }, this.panel);
      this.letters = LETTERS.map((letter) =>
        this.button(letter, () => this.choose(letter), letters, "ml-letter"),
      );
      const answers = make("div", { class: "ml-answers" }, this.panel);
      this.button("X is A", () => this.answer(0), answers, "ml-main");
      this.button("X is B", () => this.answer(1), answers, "ml-main");
      const end = this.#trials.length ? "Stop and reveal" : "Leave the test";
      this.button(end, () => (this.#trials.length ? this.reveal() : this.leave()), answers);
      const keys = "Keys: A, B and X to switch, space to start and stop.";
      make("p", { class: "ml-note ml-hint" }, this.panel, keys);
      this.choose("A"); // going on with the next X would tell what this one was
      this.letters[0].focus();
      this.say(this.#trials.length ? `Answer noted. ${words}.` : `${words}.`);
    }

    choose(letter) {
      this.heard = letter;
      this.stage.deck.choose(this.#systems[letter === "X" ? this.#secret : LETTERS.indexOf(letter)]);
      this.say(letter);
      this.render();
    }

    onKey(key) {
      const letter = key.toUpperCase();
      if (!this.letters?.[0].isConnected || !LETTERS.includes(letter)) return false;
      this.choose(letter);
      this.letters[LETTERS.indexOf(letter)].focus();
      return true;
    }

    answer(which) {
      this.#trials.push([this.#secret, which]);
      if (this.#trials.length < this.planned) this.nextTrial();
      else this.reveal();
    }

    reveal() {
      this.stage.pause();
      const [a, b] = this.#systems.map((index) => this.stage.systems[index].label);
      const trials = this.#trials;
      const right = trials.filter(([was, said]) => was === said).length;
      this.showSound(false);
      const words = `${right} of ${trials.length} right`;
      this.clear(words);
      const which = `A was ${a}, B was ${b}.`;
      const meaning = verdict(right, trials.length);
      make("p", {}, this.panel, which);
      make("p", { class: "ml-verdict" }, this.panel, meaning);
      const list = make("ol", { class: "ml-trials" }, this.panel);
      for (const [was, said] of trials) {
        const mark = was === said ? "right" : "wrong";
        const text = `X was ${LETTERS[was]}, you said ${LETTERS[said]}: ${mark}`;
        make("li", { "data-right": was === said }, list, text);
      }
      const end = make("div", { class: "ml-answers" }, this.panel);
      this.button("Test again", () => this.showSetup(), end);
      this.button("Back to the player", () => this.leave(), end, "ml-main");
      this.say(`${words}. ${which} ${meaning}`);
      this.head.focus();
    }

    render() {
      this.letters?.forEach((button, index) => {
        button.setAttribute("aria-pressed", String(LETTERS[index] === this.heard));
      });
    }

    /** Back to the normal stage, with the system that was chosen before. */
    leave() {
      const { stage } = this;
      stage.pause();
      stage.blind = null;
      stage.deck.limit = Infinity;
      stage.deck.choose(this.before);
      this.panel.remove();
      this.hide(false);
      stage.changed();
      this.say("The blind test is over.");
      stage.blindButton.focus();
    }
  }

  shared.byGuessing = byGuessing;
  shared.addBlindTest = (stage) => {
    stage.blindButton = make("button", { type: "button", class: "ml-button ml-blind-open" }, stage.bar, "Blind test");
    stage.blindButton.addEventListener("click", () => new BlindTest(stage));
    stage.changed();
  };
})();
