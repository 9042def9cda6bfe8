/*
 * The result of a label test: how often a reader's labels agree with the book's, and every track with
 * what is known of it. `labels.js` asks for the labels and plays the sounds.
 *
 * Labels are numbers of choices. A reader's label is null for a track that was skipped, and undefined
 * for one that did not come.
 */
(() => {
  "use strict";

  const shared = (globalThis.MusiclibLabels ??= {});

  /** A new element with attributes and a text. */
  function make(name, attributes, parent, text = "") {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text) element.textContent = text;
    parent?.append(element);
    return element;
  }

  const isLabel = (label) => Number.isInteger(label);
  const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
  const percent = (share) => `${Math.round(100 * share)}\u00a0%`;
  const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

  /** How many labels of some tracks are the book's: `{ of, agree }`. */
  function agreement(tracks, labels) {
    const agree = tracks.filter((track, index) => track.truth === labels[index]).length;
    return { of: tracks.length, agree };
  }

  /** How often each label was given (columns) where the book has each label (rows). */
  function confusion(tracks, labels, choices) {
    const counts = Array.from({ length: choices }, () => Array(choices).fill(0));
    tracks.forEach(({ truth }, index) => (counts[truth][labels[index]] += 1));
    return counts;
  }

  class Result {
    /**
     * @param parent element that the result goes into
     * @param choices names of the labels
     * @param tracks all tracks, in the order in which they came
     * @param labels the reader's label of each
     * @param hooks play(track), which starts or stops its sound, and again()
     */
    constructor(parent, choices, tracks, labels, hooks) {
      this.choices = choices;
      this.tracks = tracks;
      this.labels = labels;
      this.hooks = hooks;
      this.classified = tracks.some(({ prediction }) => isLabel(prediction));
      this.known = tracks.filter((_, index) => isLabel(labels[index]));
      this.given = labels.filter(isLabel);
      this.buttons = new Map();
      this.build(parent);
    }

    build(parent) {
      const { known } = this;
      const { agree, of } = agreement(known, this.given);
      const words = of ? `You and the book agree on ${agree} of ${count(of, "track")}` : "You labelled no track";
      this.head = make("p", { class: "ml-labels-count", tabindex: "-1" }, parent, words);
      this.summary = `${words}. ${this.effort()}`;
      make("p", {}, parent, this.effort());
      if (of) {
        const tables = make("div", { class: "ml-labels-tables" }, parent);
        this.buildShares(make("div", {}, tables));
        this.buildConfusion(make("div", {}, tables));
      }
      this.buildTracks(parent);
      const again = make("button", { type: "button", class: "ml-labels-main" }, parent);
      again.textContent = "Start again, in another order";
      again.addEventListener("click", () => this.hooks.again());
    }

    /** How much was labelled. */
    effort() {
      const all = this.labels.length;
      const skipped = this.labels.filter((label) => label === null).length;
      const left = all - skipped - this.given.length;
      const parts = [`You labelled ${this.given.length} of ${count(all, "track")}`];
      if (skipped) parts.push(`skipped ${skipped}`);
      if (left) parts.push(`left out ${left}`);
      const last = parts.length > 1 ? ` and ${parts.pop()}` : "";
      return `${parts.join(", ")}${last}.`;
    }

    buildShares(parent) {
      const { known, given, choices } = this;
      const table = make("table", { class: "ml-labels-shares" }, parent);
      make("caption", {}, table, "How often labels are the book's");
      const head = make("tr", {}, make("thead", {}, table));
      const columns = ["You", ...(this.classified ? ["Classifier"] : [])];
      for (const name of ["Tracks you labelled", ...columns]) make("th", { scope: "col" }, head, name);
      const body = make("tbody", {}, table);
      const parts = [
        ["all", () => true],
        ["documented labels", ({ guessed }) => !guessed],
        ["guessed labels", ({ guessed }) => guessed],
      ];
      for (const [name, belongs] of parts) {
        const row = make("tr", {}, body);
        make("th", { scope: "row" }, row, name);
        const some = known.filter(belongs);
        const labels = given.filter((_, index) => belongs(known[index]));
        const said = some.map(({ prediction }) => prediction);
        this.share(row, agreement(some, labels));
        if (this.classified) this.share(row, agreement(some, said));
      }
      const chance = make("tr", {}, body);
      make("th", { scope: "row" }, chance, "all, by chance");
      const { length } = known;
      for (const _ of columns) this.share(chance, { of: length, agree: length / choices.length }, 1);
      make("p", { class: "ml-note" }, parent, this.caution());
    }

    /** A cell with a count and its share. */
    share(row, { of, agree }, digits = 0) {
      const cell = make("td", {}, row, of ? `${agree.toFixed(digits)} of ${of} ` : "none");
      if (of) make("span", { class: "ml-note" }, cell, percent(agree / of));
    }

    /** What so few labels can tell, and what they cannot. */
    caution() {
      const { length } = this.known;
      const step = length > 1 ? `Each track is ${percent(1 / length)} of your score` : "This is a single track";
      return (
        `By chance: one of the ${this.choices.length} genres drawn blindly for each track. ${step}, and you are ` +
        "one listener: the numbers describe these tracks, and prove nothing about others."
      );
    }

    buildConfusion(parent) {
      const { choices } = this;
      const counts = confusion(this.known, this.given, choices.length);
      const most = Math.max(...counts.flat());
      // Many genres do not fit a phone: then the table moves in a frame of its own.
      const frame = make("div", { class: "ml-labels-frame" }, parent);
      const table = make("table", { class: "ml-labels-confusion" }, frame);
      make("caption", {}, table, "The book (rows) and you (columns)");
      const head = make("tr", {}, make("thead", {}, table));
      make("td", {}, head);
      for (const name of choices) make("span", {}, make("th", { scope: "col" }, head), name);
      const body = make("tbody", {}, table);
      counts.forEach((row, truth) => {
        const line = make("tr", {}, body);
        make("th", { scope: "row" }, line, choices[truth]);
        row.forEach((number, label) => {
          const cell = make("td", {}, line, number ? String(number) : "");
          cell.toggleAttribute("data-agrees", truth === label);
          cell.style.setProperty("--ml-share", number / most);
        });
      });
      if (frame.scrollWidth <= frame.clientWidth) return;
      const reach = { tabindex: "0", role: "region", "aria-label": "Which label was given for which" };
      for (const [key, value] of Object.entries(reach)) frame.setAttribute(key, value);
    }

    buildTracks(parent) {
      make("p", { class: "ml-labels-subtitle" }, parent, "The tracks, in the order in which they came");
      const list = make("ol", { class: "ml-labels-tracks" }, parent);
      list.toggleAttribute("data-classified", this.classified);
      this.tracks.forEach((track, index) => {
        const item = make("li", {}, list);
        const name = track.artist ? `${track.title}, ${track.artist}` : track.title;
        const button = make("button", { type: "button", class: "ml-labels-small" }, item);
        make("span", { class: "ml-labels-sign", "aria-hidden": "true" }, button);
        button.addEventListener("click", () => this.hooks.play(track));
        const alert = make("p", { class: "ml-labels-alert", role: "alert" });
        this.buttons.set(track, { button, name, alert });
        const what = make("p", { class: "ml-labels-what" }, item);
        make("b", {}, what, track.title);
        if (track.artist) make("span", { class: "ml-note" }, what, track.artist);
        const facts = make("dl", {}, item);
        this.fact(facts, "Book", this.choices[track.truth], "", track.evidence);
        const label = this.labels[index];
        const none = label === null ? "skipped" : "not labelled";
        this.fact(facts, "You", isLabel(label) ? this.choices[label] : none, this.mark(track, label));
        item.append(alert);
        if (!this.classified) return;
        const { prediction } = track;
        this.fact(facts, "Classifier", this.choices[prediction], this.mark(track, prediction));
      });
      this.show(null);
    }

    /** Whether a label is the book's. */
    mark(track, label) {
      if (!isLabel(label)) return "none";
      return label === track.truth ? "same" : "other";
    }

    fact(list, name, value, mark, note = "") {
      const pair = make("div", {}, list);
      if (mark) pair.dataset.mark = mark;
      make("dt", {}, pair, name);
      const words = make("dd", {}, pair, value);
      if (note) make("span", { class: "ml-note" }, words, ` ${note}`);
      if (mark === "same") make("span", { class: "ml-labels-tick" }, words, " ✓").setAttribute("aria-hidden", "true");
      if (mark === "same") make("span", { class: "ml-hidden" }, words, ", as the book");
    }

    /** Say why a track is silent. */
    fail(track, words) {
      this.buttons.get(track).alert.textContent = words;
    }

    /** Show which track plays; null for none. */
    show(playing) {
      for (const [track, { button, name, alert }] of this.buttons) {
        if (track === playing) alert.textContent = "";
        button.toggleAttribute("data-playing", track === playing);
        button.setAttribute("aria-label", `${track === playing ? "Pause" : "Play"} ${name}`);
      }
    }
  }

  Object.assign(shared, { Result, agreement, confusion, make, isLabel, count, capital });
})();
