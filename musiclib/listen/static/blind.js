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
  const { make, makeButton, setPressed } = shared;
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
        : "Luck does that often enough: this test does not show that you heard a difference. " +
          "It does not show that there is none.";
    const luck = `Someone who only guesses gets at least ${right} of ${trials} right in ${often}`;
    return `${luck} (probability ${number}). ${meaning}`;
  }

  class BlindTest {
    #systems = [0, 1]; // numbers of the systems behind A and B
    #secret = 0; // which of the two X is
    #trials = []; // [what X was, what was answered]

    constructor(stage) {
      this.stage = stage;
      this.say = stage.speak;
      this.before = stage.chosen;
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

    clear(words) {
      this.panel.replaceChildren();
      this.head = make("p", { class: "ml-blind-head", tabindex: "-1" }, this.panel, words);
    }

    showSetup() {
      this.clear("Can you hear which is which?");
      const explain =
        "Two systems become A and B, and X is one of them: by chance, and hidden. Switch between the three " +
        "as often as you like, then say which one X is. The score comes at the end.";
      make("p", { class: "ml-note" }, this.panel, explain);
      const form = make("div", { class: "ml-blind-form" }, this.panel);
      const names = this.stage.systems.map(({ label, rate }) => (rate ? `${label}, ${rate}` : label));
      const first = this.before === 0 ? names.length - 1 : this.before;
      this.selects = [
        this.select(form, "Compare", names, 0),
        this.select(form, "with", names, first),
        this.select(form, "Trials", TRIALS, TRIALS.indexOf(this.planned)),
      ];
      this.begin = makeButton(form, "Start", () => this.start(), "ml-button ml-main");
      makeButton(form, "Cancel", () => this.leave());
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
      const add = (letter) => makeButton(letters, letter, () => this.choose(letter), "ml-button ml-letter");
      this.letters = LETTERS.map(add);
      const answers = make("div", { class: "ml-answers" }, this.panel);
      makeButton(answers, "X is A", () => this.answer(0), "ml-button ml-main");
      makeButton(answers, "X is B", () => this.answer(1), "ml-button ml-main");
      if (this.#trials.length) makeButton(answers, "Stop and reveal", () => this.reveal());
      else makeButton(answers, "Leave the test", () => this.leave());
      make("p", { class: "ml-note ml-hint" }, this.panel, "Keys: A, B and X to switch, space to start and stop.");
      this.choose("A"); // going on with the next X would tell what this one was
      this.letters[0].focus();
      this.say(this.#trials.length ? `Answer noted. ${words}.` : `${words}.`);
    }

    choose(letter) {
      this.stage.deck.choose(this.#systems[letter === "X" ? this.#secret : LETTERS.indexOf(letter)]);
      this.say(letter);
      this.letters.forEach((button, index) => setPressed(button, LETTERS[index] === letter));
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
        const text = `X was ${LETTERS[was]}, you said ${LETTERS[said]}: ${was === said ? "right" : "wrong"}`;
        make("li", { "data-right": was === said }, list, text);
      }
      const end = make("div", { class: "ml-answers" }, this.panel);
      makeButton(end, "Test again", () => this.showSetup());
      makeButton(end, "Back to the player", () => this.leave(), "ml-button ml-main");
      this.say(`${words}. ${which} ${meaning}`);
      this.head.focus();
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
    stage.blindButton = makeButton(stage.bar, "Blind test", () => new BlindTest(stage), "ml-button ml-blind-open");
    stage.changed();
  };
})();
