/*
 * Label tests ([data-ml-labels]): one track at a time, heard and labelled without its title; at the end how often the
 * reader's labels agree with the book's, and every track with what is known of it. Without this script a test is a
 * list of sounds with the book's labels folded away. Nothing is kept but in memory.
 *
 * Labels are numbers of choices. A reader's label is null for a track that was skipped, and undefined
 * for one that did not come.
 *
 * Keys, while the focus is in a test: 1 to 9 choose a label, 0 skips, space starts and stops, the left
 * arrow goes back, the right one on to what was answered already. A button keeps its space.
 */
(() => {
  "use strict";

  const { make, makeButton, makeKey, makePlayButton, makeStatus, setText, setPressed, seconds, hasModifier } =
    globalThis.MusiclibListen;
  const ENOUGH = 5; // labels after which the result may be asked for
  const FAILED = "This track cannot be played. Try again, or skip it.";

  const isLabel = (label) => Number.isInteger(label);
  const agrees = ({ truth, label }) => truth === label;
  const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
  const percent = (share) => `${Math.round(100 * share)}\u00a0%`;
  const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

  /** The numbers below `length` in an order that the seed decides, the same in every browser. */
  function shuffled(length, seed) {
    let state = seed >>> 0;
    // A linear congruential generator; its high bits are good enough to deal cards.
    const draw = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
    for (let warm = 0; warm < 8; warm += 1) draw(); // seeds in a row would begin alike
    const drawn = Array.from({ length }, draw);
    return [...drawn.keys()].sort((one, other) => drawn[one] - drawn[other]);
  }

  /** Start a table: gives what adds a column, and what adds a row of texts and gives its cells. */
  function makeTable(parent, kind, caption, start = "") {
    const table = make("table", { class: kind }, parent);
    make("caption", {}, table, caption);
    const head = make("tr", {}, make("thead", {}, table));
    make(start ? "th" : "td", start ? { scope: "col" } : {}, head, start);
    const body = make("tbody", {}, table);
    const addColumn = (name) => make("th", { scope: "col" }, head, name);
    const addRow = (heading, cells) => {
      const row = make("tr", {}, body);
      make("th", { scope: "row" }, row, heading);
      return cells.map((text) => make("td", {}, row, text));
    };
    return [addColumn, addRow];
  }

  class Result {
    /** @param test has choices, tracks in the order in which they came, and the reader's labels of them */
    constructor(parent, test) {
      const { choices, tracks, labels } = test;
      Object.assign(this, { test, choices, tracks, labels });
      this.classified = tracks.some(({ prediction }) => isLabel(prediction));
      const all = tracks.map((track, index) => ({ ...track, label: labels[index] }));
      this.known = all.filter(({ label }) => isLabel(label));
      this.buttons = new Map();
      const { length } = this.known;
      const agree = this.known.filter(agrees).length;
      const agreement = `You and the book agree on ${agree} of ${count(length, "track")}`;
      const words = length ? agreement : "You labelled no track";
      this.head = make("p", { class: "ml-labels-count", tabindex: "-1" }, parent, words);
      this.summary = `${words}. ${this.effort()}`;
      make("p", {}, parent, this.effort());
      if (length) {
        const tables = make("div", { class: "ml-labels-tables" }, parent);
        this.buildShares(make("div", {}, tables));
        this.buildConfusion(make("div", {}, tables));
      }
      this.buildTracks(parent);
      this.show(null);
      makeButton(parent, "Start again, in another order", () => test.again(), "ml-button ml-main");
    }

    /** How much was labelled. */
    effort() {
      const all = this.labels.length;
      const skipped = this.labels.filter((label) => label === null).length;
      const left = all - skipped - this.known.length;
      const parts = [`You labelled ${this.known.length} of ${count(all, "track")}`];
      if (skipped) parts.push(`skipped ${skipped}`);
      if (left) parts.push(`left out ${left}`);
      return `${new Intl.ListFormat("en-GB").format(parts)}.`;
    }

    buildShares(parent) {
      const { known, choices } = this;
      const kind = "ml-labels-shares";
      const [addColumn, addRow] = makeTable(parent, kind, "How often labels are the book's", "Tracks you labelled");
      const columns = ["You", ...(this.classified ? ["Classifier"] : [])];
      columns.forEach((name) => addColumn(name));
      const addShares = (name, of, counts, digits = 0) => {
        const cells = counts.map((number) => (of ? `${number.toFixed(digits)} of ${of} ` : "none"));
        addRow(name, cells.slice(0, columns.length)).forEach((cell, n) => {
          if (of) make("span", { class: "ml-note" }, cell, percent(counts[n] / of));
        });
      };
      const addPart = (name, some) => {
        const theirs = some.filter(({ truth, prediction }) => truth === prediction);
        addShares(name, some.length, [some.filter(agrees).length, theirs.length]);
      };
      addPart("all", known);
      addPart("documented labels", known.filter(({ guessed }) => !guessed));
      addPart("guessed labels", known.filter(({ guessed }) => guessed));
      const { length } = known;
      addShares("all, by chance", length, Array(2).fill(length / choices.length), 1);
      // What so few labels can tell, and what they cannot.
      const step = length > 1 ? `Each track is ${percent(1 / length)} of your score` : "This is a single track";
      const caution =
        `By chance: one of the ${choices.length} genres drawn blindly for each track. ${step}, and you are one ` +
        "listener: the numbers describe these tracks, and prove nothing about others.";
      make("p", { class: "ml-note" }, parent, caution);
    }

    /** How often each label was given (columns) where the book has each label (rows). */
    buildConfusion(parent) {
      const { choices } = this;
      const counts = choices.map(() => Array(choices.length).fill(0));
      for (const { truth, label } of this.known) counts[truth][label] += 1;
      const most = Math.max(...counts.flat());
      // Many genres do not fit a phone: then the table moves in a frame of its own.
      const frame = make("div", { class: "ml-labels-frame" }, parent);
      const [addColumn, addRow] = makeTable(frame, "ml-labels-confusion", "The book (rows) and you (columns)");
      for (const name of choices) make("span", {}, addColumn(), name);
      counts.forEach((row, truth) => {
        addRow(choices[truth], row.map((number) => (number ? String(number) : ""))).forEach((cell, label) => {
          cell.toggleAttribute("data-agrees", truth === label);
          cell.style.setProperty("--ml-share", row[label] / most);
        });
      });
      if (frame.scrollWidth <= frame.clientWidth) return;
      Object.assign(frame, { tabIndex: 0, role: "region", ariaLabel: "Which label was given for which" });
    }

    buildTracks(parent) {
      make("p", { class: "ml-labels-subtitle" }, parent, "The tracks, in the order in which they came");
      const list = make("ol", { class: "ml-labels-tracks" }, parent);
      list.toggleAttribute("data-classified", this.classified);
      this.tracks.forEach((track, index) => {
        const { title, artist, truth, evidence, prediction } = track;
        const item = make("li", {}, list);
        const [button] = makePlayButton(item, () => this.test.playInResult(track), "ml-button ml-labels-small");
        const what = make("p", { class: "ml-labels-what" }, item);
        make("b", {}, what, title);
        if (artist) make("span", { class: "ml-note" }, what, artist);
        const facts = make("dl", {}, item);
        const book = this.fact(facts, "Book", this.choices[truth]);
        make("span", { class: "ml-note" }, book, ` ${evidence}`);
        const label = this.labels[index];
        const none = label === null ? "skipped" : "not labelled";
        this.fact(facts, "You", this.choices[label] ?? none, isLabel(label) ? label === truth : "none");
        if (this.classified) this.fact(facts, "Classifier", this.choices[prediction], prediction === truth);
        const alert = make("p", { class: "ml-alert", role: "alert" }, item);
        this.buttons.set(track, { button, name: artist ? `${title}, ${artist}` : title, alert });
      });
    }

    /** A name with a label; `mark`: whether it is the book's, or "none" for no label at all. */
    fact(list, name, value, mark) {
      const pair = make("div", mark === "none" ? { "data-mark": "none" } : {}, list);
      make("dt", {}, pair, name);
      const words = make("dd", {}, pair, value);
      if (mark === true) {
        make("span", { class: "ml-labels-tick", "aria-hidden": "true" }, words, " ✓");
        make("span", { class: "ml-hidden" }, words, ", as the book");
      }
      return words;
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

  class LabelTest {
    constructor(root) {
      const { choices, seed, tracks } = JSON.parse(root.dataset.mlLabels);
      const plain = root.querySelector(".ml-labels-plain");
      const players = [...plain.querySelectorAll("audio")];
      Object.assign(this, { root, choices, seed });
      this.pool = tracks.map((track, index) => ({ ...track, audio: players[index] }));
      this.enough = Math.min(ENOUGH, tracks.length);
      this.current = null; // the track that plays, or is to play
      this.wanted = false;
      this.build();
      root.addEventListener("keydown", (event) => this.onKey(event));
      this.pool.forEach((track) => this.listen(track));
      plain.hidden = true;
      root.setAttribute("data-on", "");
      this.begin();
    }

    build() {
      const desk = make("div", { class: "ml-labels-desk" }, this.root);
      this.desk = desk;
      const end = "Titles, artists and the book's labels come at the end. Your labels stay on this page.";
      make("p", { class: "ml-note" }, desk, `Listen, then choose a genre. ${end}`);
      const line = make("div", { class: "ml-labels-line" }, desk);
      this.head = make("p", { class: "ml-labels-count", tabindex: "-1" }, line);
      this.tally = make("p", { class: "ml-note" }, line);
      const steps = make("div", { class: "ml-labels-steps", "aria-hidden": "true" }, desk);
      this.steps = this.pool.map(() => make("span", {}, steps));
      const bar = make("div", { class: "ml-bar" }, desk);
      [this.playButton, this.playText] = makePlayButton(bar, () => this.toggle(), "ml-play ml-button ml-main");
      this.clock = make("span", { class: "ml-time" }, bar);
      this.backButton = this.button("Back", () => this.back(), bar);
      this.backButton.classList.add("ml-labels-back");
      this.onButton = this.button("Forward", () => this.forward(), bar);
      const group = make("div", { class: "ml-labels-choices", role: "group", "aria-label": "Genre" }, desk);
      this.buttons = this.choices.map((name, index) =>
        this.button(capital(name), () => this.answer(index), group, index < 9 ? index + 1 : ""),
      );
      const ends = make("div", { class: "ml-bar" }, desk);
      this.button("Don't know, skip", () => this.answer(null), ends, "0");
      this.endButton = this.button("Show result", () => this.finish(), ends);
      this.endNote = make("span", { class: "ml-note" }, ends);
      const keys =
        `Keys, once the focus is here: 1 to ${Math.min(this.choices.length, 9)} choose, 0 skips, space plays and ` +
        "pauses, the left arrow goes back.";
      make("p", { class: "ml-note ml-hint" }, desk, keys);
      this.alert = make("p", { class: "ml-alert", role: "alert" }, desk);
      this.sheet = make("div", { class: "ml-labels-result", hidden: "" }, this.root);
      this.say = makeStatus(this.root);
    }

    button(text, act, parent, key = "") {
      const click = (event) => {
        act();
        // After a click the space bar plays, rather than choose the same genre once more.
        if (event.detail > 0 && !this.desk.hidden) this.playButton.focus({ preventScroll: true });
      };
      const button = makeButton(parent, "", click);
      if (key) makeKey(button, key);
      make("span", {}, button, text);
      return button;
    }

    listen(track) {
      const { audio } = track;
      const on = (type, act) => audio.addEventListener(type, () => track === this.current && act());
      on("playing", () => this.render());
      on("timeupdate", () => this.tick());
      on("error", () => this.fail(FAILED));
      on("pause", () => {
        if (!audio.paused) return;
        this.wanted = false; // something else on the page may have stopped it
        this.render();
      });
    }

    onKey(event) {
      if (hasModifier(event) || event.defaultPrevented) return;
      const { key } = event;
      const acts = { " ": () => this.toggle(), ArrowLeft: () => this.back(), ArrowRight: () => this.forward() };
      if (/^[0-9]$/.test(key) && Number(key) <= this.choices.length) {
        acts[key] = () => this.answer(key === "0" ? null : Number(key) - 1);
      }
      if (!(key in acts) || (key === " " && event.target.closest("button"))) return;
      // A key that is held down labels one track.
      if (key === " " || (!event.repeat && !this.desk.hidden)) acts[key]();
      event.preventDefault();
      event.stopPropagation(); // the theme would turn the page
    }

    /** Start with the first track of an order. */
    begin() {
      this.tracks = shuffled(this.pool.length, this.seed).map((index) => this.pool[index]);
      this.labels = Array(this.tracks.length).fill(undefined);
      this.at = 0;
      this.desk.hidden = false;
      this.sheet.hidden = true;
      this.sheet.replaceChildren();
      this.result = null;
      this.cue(this.tracks[0]);
    }

    again() {
      this.pause();
      this.seed += 1;
      this.begin();
      this.head.focus();
      this.say(`Started again, in another order. ${this.place}.`);
    }

    get place() {
      return `Track ${this.at + 1} of ${this.tracks.length}`;
    }

    /** Give the track a label, or null for none, and go on to the next one. */
    answer(label) {
      this.labels[this.at] = label;
      if (this.at + 1 === this.tracks.length) this.finish();
      else this.visit(this.at + 1, label === null ? "Skipped. " : `${capital(this.choices[label])}. `);
    }

    back() {
      if (this.at > 0) this.visit(this.at - 1);
    }

    /** To the next track, if this one has been answered. */
    forward() {
      if (this.at + 1 < this.tracks.length && this.labels[this.at] !== undefined) this.visit(this.at + 1);
    }

    visit(at, words = "") {
      this.at = at;
      this.cue(this.tracks[at]);
      const label = this.labels[at];
      this.say(`${words}${this.place}.${isLabel(label) ? ` Your label: ${this.choices[label]}.` : ""}`);
    }

    /** Change to the start of another track, which goes on sounding if the last one did. */
    cue(track) {
      const last = this.current;
      this.current = track;
      if (last && last !== track) last.audio.pause();
      if (track.audio.readyState > 0) track.audio.currentTime = 0;
      this.alert.textContent = "";
      if (this.wanted) this.play();
      else this.render();
    }

    play() {
      const track = this.current;
      const { audio } = track;
      this.wanted = true;
      this.alert.textContent = "";
      audio.loop = true;
      audio.preload = "auto";
      if (audio.error) audio.load(); // once more: a failed network may be back
      audio.play().then(
        () => {
          // The track that comes next is to start at once.
          const next = track === this.current && !this.desk.hidden && this.tracks[this.at + 1];
          if (next) next.audio.preload = "auto";
        },
        (error) => {
          // Another was started before this one began, or it was stopped.
          if (error.name === "AbortError" || track !== this.current || !this.wanted) return;
          this.fail(error.name === "NotAllowedError" ? "The browser refuses to start it. Press play again." : FAILED);
        },
      );
      this.render();
    }

    pause() {
      this.wanted = false;
      this.current.audio.pause();
      this.render();
    }

    toggle() {
      if (this.wanted) this.pause();
      else this.play();
    }

    fail(words) {
      this.pause();
      const { alert } = this.result?.buttons.get(this.current) ?? this;
      alert.textContent = words;
    }

    finish() {
      if (this.at + 1 < this.tracks.length && this.labels.filter(isLabel).length < this.enough) return;
      this.pause();
      this.desk.hidden = true;
      this.sheet.hidden = false;
      this.result = new Result(this.sheet, this);
      this.say(this.result.summary);
      this.result.head.focus();
    }

    playInResult(track) {
      if (track === this.current) return this.toggle();
      this.wanted = true;
      return this.cue(track);
    }

    render() {
      this.result?.show(this.wanted ? this.current : null);
      if (this.result) return;
      const { at, labels, enough } = this;
      const labelled = labels.filter(isLabel).length;
      const skipped = labels.filter((label) => label === null).length;
      this.head.textContent = this.place;
      this.tally.textContent = `${labelled} labelled${skipped ? `, ${skipped} skipped` : ""}`;
      this.steps.forEach((step, index) => {
        step.dataset.step = labels[index] === undefined ? "open" : isLabel(labels[index]) ? "labelled" : "skipped";
        step.toggleAttribute("data-now", index === at);
      });
      this.buttons.forEach((button, index) => setPressed(button, index === labels[at]));
      this.playText.textContent = this.wanted ? "Pause" : "Play";
      this.playButton.toggleAttribute("data-playing", this.wanted);
      this.backButton.disabled = at === 0;
      this.onButton.hidden = labels[at] === undefined || at + 1 === labels.length;
      const gone = [this.backButton, this.onButton].find((button) => button.disabled || button.hidden);
      if (gone && gone === document.activeElement) this.playButton.focus();
      this.endButton.disabled = labelled < enough;
      this.endNote.textContent = labelled < enough ? `The result needs ${count(enough - labelled, "more label")}.` : "";
      this.tick();
    }

    /** Show where the sound is. */
    tick() {
      const { audio } = this.current;
      const length = Number(audio.dataset.seconds);
      setText(this.clock, `${seconds(Math.min(audio.currentTime, length))} / ${seconds(length)} s`);
      cancelAnimationFrame(this.frame);
      if (this.wanted && !this.result) this.frame = requestAnimationFrame(() => this.tick());
    }
  }

  globalThis.MusiclibLabels = { shuffled };

  for (const root of document.querySelectorAll("[data-ml-labels]:not([data-on])")) {
    root.mlLabels = new LabelTest(root);
  }
})();
