/*
 * What all sounds of a page share. Without the scripts every sound has the browser's own player.
 *
 * One sound at a time. Whoever starts a sound says so, at that moment:
 *
 *     document.dispatchEvent(new CustomEvent("ml:start", { detail: { source: element } }));
 *
 * Then all media elements of the page stop that are not in `source`, and all widgets that gave
 * `oneAtATime` a root which does not hold it. A `play` of a media element becomes an `ml:start`.
 *
 * A deck plays one clip in several forms, one of which is heard. A WebDeck decodes the files and starts
 * them at the same sample, so that choosing another one is only a cross-fade: no gap, no click, no change
 * of position. Where files cannot be fetched, as in a page opened from a disk, a MediaDeck plays them by
 * audio elements and carries the position over. Neither changes the level of a file.
 */
(() => {
  "use strict";

  if (globalThis.MusiclibListen) return; // a notebook holds this script once for each output

  // Seconds in which two thirds of a fade are done; shorter ones click, longer ones blur what is compared.
  const FADE = 0.005;
  const MEDIA_FADE = 30; // milliseconds; timers are no finer than that
  const REASONS = {
    2: "the network failed",
    3: "the browser cannot decode the file",
    4: "the file is missing, or the browser cannot play its kind",
  };
  const settings = {
    // Seconds that a change is scheduled ahead. What comes too late for the audio thread clicks, and
    // busy machines render in bursts.
    lead: 0.04,
    kept: 3, // decks whose decoded sound stays in memory
    sounds: 12, // decoded sounds of a deck that stay in memory
    rest: 10, // seconds of silence after which the sound device is let go
  };

  /** A new element with attributes and a text. */
  function make(name, attributes, parent, text = "", space = "http://www.w3.org/1999/xhtml") {
    const element = document.createElementNS(space, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text) element.textContent = text;
    parent?.append(element);
    return element;
  }

  function makeButton(parent, text, act, kind = "ml-button") {
    const button = make("button", { type: "button", class: kind }, parent, text);
    button.addEventListener("click", act);
    return button;
  }

  /** A button with the sign for play or pause, and the element of its words. */
  function makePlayButton(parent, act, kind) {
    const button = makeButton(parent, "", act, kind);
    make("span", { class: "ml-sign", "aria-hidden": "true" }, button);
    return [button, make("span", {}, button)];
  }

  const makeKey = (parent, key) => make("kbd", { class: "ml-key", "aria-hidden": "true" }, parent, String(key));

  /** A line that only screen readers have; gives what says something there. */
  function makeStatus(parent) {
    const status = make("span", { class: "ml-hidden", role: "status" }, parent);
    return (text) => (status.textContent = text);
  }

  function setText(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  const setPressed = (button, pressed) => button.setAttribute("aria-pressed", String(pressed));
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  /** Numbers of an attribute. */
  const numbers = (text) => text.split(" ").map(Number);
  const seconds = (value) => value.toFixed(value < 1000 ? 1 : 0);
  /** Keys with these are the browser's. */
  const hasModifier = ({ ctrlKey, altKey, metaKey }) => ctrlKey || altKey || metaKey;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  const widgets = [];
  const oneAtATime = (root, pause) => widgets.push([root, pause]);

  function announceStart(source) {
    document.dispatchEvent(new CustomEvent("ml:start", { detail: { source } }));
  }

  document.addEventListener("ml:start", ({ detail: { source } }) => {
    for (const [root, pause] of widgets) if (!root.contains(source)) pause();
    for (const media of document.querySelectorAll("audio, video")) {
      if (!source.contains(media)) media.pause();
    }
  });
  // Events of media do not bubble, but they can be captured.
  document.addEventListener("play", ({ target }) => announceStart(target), true);

  let context = null;
  let idle = 0; // timer
  let recent = []; // decks in the order of their use, the last one first

  /** The page's audio context, made in the first gesture: earlier ones may not start. */
  function audioContext() {
    context ??= new AudioContext();
    return context;
  }

  /** Why a file cannot be heard. `elsewhere`: an audio element may still be able to play it. */
  const soundError = (words, elsewhere = false) => Object.assign(new Error(words), { elsewhere });

  const failElsewhere = (words) => () => {
    throw soundError(words, true);
  };

  function makeGain(value, output) {
    const node = new GainNode(audioContext(), { gain: value });
    node.connect(output);
    return node;
  }

  /** Move a gain from whatever it is at that time, without a click. */
  function fadeGain({ gain }, value, time) {
    gain.cancelScheduledValues(time);
    gain.setTargetAtTime(value, time, FADE);
  }

  /** All files of a clip, running from one position on until they are stopped. */
  class Run {
    constructor(output, at, chosen) {
      this.chosen = chosen;
      this.voices = new Map();
      this.at = at;
      this.since = this.frame(audioContext().currentTime + settings.lead);
      // The first sample of a file is left as it is; elsewhere sound begins without a click.
      this.master = makeGain(at > 0 ? 0 : 1, output);
      if (at > 0) fadeGain(this.master, 1, this.since);
    }

    /** The next moment that is a whole number of samples behind the start. */
    frame(time) {
      const rate = audioContext().sampleRate;
      const since = this.since ?? 0;
      return since + Math.ceil((time - since) * rate - 1e-6) / rate;
    }

    position(time) {
      return this.at + Math.max(0, time - this.since);
    }

    /** Let a file run with the others, in step to the sample; the first one is the chosen one. */
    add(index, buffer) {
      if (this.voices.has(index)) return;
      const first = this.voices.size === 0;
      const time = first ? this.since : this.frame(audioContext().currentTime + settings.lead);
      const start = Math.max(time, this.since);
      const source = new AudioBufferSourceNode(audioContext(), { buffer });
      const level = makeGain(first ? 1 : 0, this.master);
      source.connect(level);
      source.start(start, this.position(start));
      this.voices.set(index, { source, level, start });
    }

    choose(index) {
      this.chosen = index;
      const now = audioContext().currentTime + settings.lead;
      const time = Math.max(now, this.voices.get(index)?.start ?? now);
      for (const [number, { level }] of this.voices) fadeGain(level, number === index ? 1 : 0, time);
    }

    /** End without a click; gives the position that was reached. */
    stop() {
      const time = audioContext().currentTime + settings.lead;
      fadeGain(this.master, 0, time);
      for (const { source } of this.voices.values()) source.stop(time + 12 * FADE); // at -100 dB
      setTimeout(() => this.master.disconnect(), 1000 * (settings.lead + 12 * FADE) + 200);
      return this.position(time);
    }
  }

  class Deck {
    limit = Infinity; // seconds at which a blind test ends the sound
    loop = true;
    chosen = 0;
    wanted = false; // whether it shall sound, as soon as it can
    at = 0;
    output = null;

    constructor(owner, addresses, length, lazy) {
      Object.assign(this, { owner, addresses, length, lazy });
    }

    get duration() {
      return Math.min(this.length, this.limit);
    }

    moveTo(position) {
      this.at = clamp(position, 0, this.duration);
    }

    changed() {
      if (this.owner.deck === this) this.owner.changed();
    }

    /** A file cannot be heard here: let audio elements try, or say so. */
    failed(index, error) {
      const { owner, addresses, length, lazy, position, wanted, chosen, loop } = this;
      if (owner.deck !== this) return;
      if (error.elsewhere) {
        owner.deck = Object.assign(new MediaDeck(owner, addresses, length, lazy), { loop, chosen });
        this.pause();
        owner.deck.seek(position);
        if (wanted) owner.deck.play();
      } else {
        if (index === chosen) this.wanted = false;
        owner.failed(index, error.message);
      }
      owner.changed();
    }

    pause() {
      this.wanted = false;
      this.halt();
      this.changed();
    }
  }

  class WebDeck extends Deck {
    mode = "web";
    order = []; // numbers of files in the order of their use
    run = null;

    constructor(...given) {
      super(...given);
      this.tracks = this.addresses.map((address) => ({ address, buffer: null, loading: null }));
    }

    get playing() {
      return this.run !== null;
    }

    get position() {
      return Math.min(this.run ? this.run.position(audioContext().currentTime) : this.at, this.duration);
    }

    /** Fetch and decode a file; the same promise while it is under way or done. */
    load(index) {
      this.order = [...this.order.filter((one) => one !== index), index];
      this.order.splice(0, this.order.length - settings.sounds).forEach((old) => this.release(old));
      const track = this.tracks[index];
      track.loading ??= this.fetch(track).catch((error) => {
        track.loading = null;
        this.failed(index, error);
        throw error;
      });
      return track.loading;
    }

    async fetch(track) {
      const lost = failElsewhere("the file cannot be fetched");
      const response = await fetch(track.address).catch(lost);
      if (!response.ok) throw soundError(`the server answers ${response.status}`);
      const data = await response.arrayBuffer().catch(lost);
      const unknown = failElsewhere("the browser cannot decode the file");
      track.buffer = await audioContext().decodeAudioData(data).catch(unknown);
    }

    /** Forget a decoded sound; the browser still has the file. */
    release(index) {
      Object.assign(this.tracks[index], { buffer: null, loading: null });
    }

    play() {
      this.wanted = true;
      keep(this);
      const settle = () => this.settle();
      audioContext().resume().then(settle);
      this.settle();
      const rest = () => this.tracks.forEach((_, index) => this.load(index).then(settle, () => {}));
      // What is to be heard first is not to wait for the others.
      const first = this.load(this.chosen).then(settle, () => {});
      if (!this.lazy) first.finally(rest);
    }

    /** Start what is wanted and there. */
    settle() {
      const isThere = this.tracks[this.chosen].buffer !== null;
      if (this.wanted && audioContext().state === "running") {
        if (!this.run && isThere) this.start();
        if (this.run) this.tracks.forEach(({ buffer }, index) => buffer && this.run.add(index, buffer));
        if (isThere) this.run.choose(this.chosen);
      }
      this.changed();
    }

    start() {
      this.output ??= makeGain(1, audioContext().destination);
      if (this.duration - this.at < 0.02) this.at = 0;
      this.run = new Run(this.output, this.at, this.chosen);
      this.run.add(this.chosen, this.tracks[this.chosen].buffer);
      this.watch();
    }

    /** Begin again or stop at the end, also in a page that is not in view. */
    watch() {
      clearTimeout(this.timer);
      // What begins again is scheduled ahead, so that there is no gap.
      const left = () => this.duration - this.position - (this.loop ? settings.lead : 0);
      const look = () => {
        if (!this.run) return;
        if (left() > 0.001) this.watch();
        else if (this.loop) this.seek(0);
        else this.pause();
      };
      this.timer = setTimeout(look, 1000 * Math.max(left(), 0.01));
    }

    halt() {
      if (!this.run) return;
      this.at = Math.min(this.run.stop(), this.duration);
      this.run = null;
      clearTimeout(this.timer);
      clearTimeout(idle);
      idle = setTimeout(() => recent.some(({ wanted }) => wanted) || context.suspend(), 1000 * settings.rest);
    }

    seek(position) {
      this.halt();
      this.moveTo(position);
      if (this.at >= this.duration) this.wanted = false;
      this.settle();
    }

    choose(index) {
      this.chosen = index;
      if (this.run && this.tracks[index].buffer) {
        this.run.add(index, this.tracks[index].buffer);
        this.run.choose(index);
      } else if (!this.lazy) this.halt(); // rather silence than the sound of another system
      if (this.wanted) this.load(index).then(() => this.settle(), () => {});
      this.changed();
    }
  }

  function keep(deck) {
    const decks = [deck, ...recent.filter((one) => one !== deck)];
    recent = decks.filter((one, place) => one.wanted || place < settings.kept);
    for (const old of decks.filter((one) => !recent.includes(one))) {
      old.tracks.forEach((_, number) => old.release(number));
    }
  }

  class MediaDeck extends Deck {
    mode = "media";
    players = [];

    /** The audio element of a file, which is not part of the page. */
    open(index) {
      if (this.players[index]) return this.players[index];
      const player = new Audio(this.addresses[index]);
      this.players[index] = player;
      player.preload = "auto";
      player.addEventListener("playing", () => this.changed());
      player.addEventListener("ended", () => index === this.chosen && this.onEnd());
      player.addEventListener("error", () => {
        this.failed(index, soundError(REASONS[player.error?.code] ?? "it failed"));
      });
      return player;
    }

    get player() {
      return this.open(this.chosen);
    }

    get playing() {
      return this.wanted && !this.player.paused && this.player.readyState > 1;
    }

    get position() {
      return this.playing ? this.player.currentTime : this.at;
    }

    play() {
      this.wanted = true;
      if (!this.lazy) this.addresses.forEach((_, index) => this.open(index));
      if (this.duration - this.at < 0.05) this.at = 0;
      this.begin(this.player);
      this.changed();
    }

    begin(player) {
      clearInterval(player.mlFade); // it may be about to be stopped
      if (player.error) player.load(); // once more: a failed network may be back
      if (Math.abs(player.currentTime - this.at) > 0.001) player.currentTime = this.at;
      player.volume = 0;
      player.play().then(
        () => player === this.player && fade(player, 1),
        (error) => {
          // What cannot be played has had its event; the rest was stopped before it began.
          if (error.name !== "NotAllowedError") return;
          this.failed(this.chosen, soundError("the browser refuses to start it"));
        },
      );
    }

    onEnd() {
      this.at = 0;
      if (this.loop && this.wanted) this.begin(this.player);
      else this.pause();
    }

    halt() {
      this.at = Math.min(this.player.currentTime, this.duration);
      for (const player of this.players) player?.pause();
    }

    seek(position) {
      if (this.wanted && position >= this.duration) this.pause();
      this.moveTo(position);
      if (this.wanted) this.player.currentTime = this.at;
      this.changed();
    }

    choose(index) {
      const last = this.player;
      if (this.wanted && !last.paused) this.at = last.currentTime;
      this.chosen = index;
      if (last !== this.player) {
        if (this.wanted) this.begin(this.player);
        fade(last, 0);
      }
      this.changed();
    }
  }

  /** Move a player's volume in a straight line; one that gets silent is stopped. */
  function fade(player, target) {
    const from = player.volume;
    const begin = performance.now();
    clearInterval(player.mlFade);
    player.mlFade = setInterval(() => {
      const share = Math.min((performance.now() - begin) / MEDIA_FADE, 1);
      player.volume = from + (target - from) * share;
      if (share < 1) return;
      clearInterval(player.mlFade);
      if (target === 0) player.pause();
    }, 5);
  }

  /**
   * Give a widget its `deck`, which another one replaces where files turn out not to be decoded.
   *
   * @param owner has changed(), and failed(index, reason) for a file that cannot be heard
   * @param addresses addresses of the files
   * @param length seconds of the clip
   * @param lazy whether a file is loaded only when it is chosen, and the last one sounds on until then
   */
  function openDeck(owner, addresses, length, lazy = false) {
    const Kind = location.protocol === "file:" ? MediaDeck : WebDeck;
    owner.deck = new Kind(owner, addresses, length, lazy);
  }

  globalThis.MusiclibListen = {
    make, makeButton, makeKey, makePlayButton, makeStatus, setText, setPressed, clamp, numbers, seconds, hasModifier,
    calm, oneAtATime, announceStart, audioContext, openDeck, settings,
  };
})();
