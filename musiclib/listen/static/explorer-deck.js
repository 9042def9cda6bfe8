/*
 * Sounds of an explorer: they share one position, and one of them is heard at a time. Another one
 * that is chosen while a sound plays goes on at the same place, cross-faded.
 *
 * Files are fetched when they are wanted and played by Web Audio, at the level that they have. Where
 * files cannot be fetched, as in a page opened from a disk, an audio element plays them.
 *
 * Sounds of other parts of the page stop when one of ours starts, and the other way round (event
 * ml:start; see player.js).
 */
(() => {
  "use strict";

  if (window.mlExplorerDeck) return; // a notebook holds this script once for each explorer

  const FADE = 0.01; // seconds; shorter ones click
  const LEAD = 0.04; // seconds that a change is scheduled ahead, so that it is not late
  const KEPT = 12; // decoded sounds that stay in memory

  let context = null;
  const decoded = new Map(); // address -> promise of a sound, the oldest first

  /**
   * The explorers' context, made in the first gesture: earlier ones may not start. Not that of the
   * players, who suspend theirs when they have been silent for a while.
   */
  function audioContext() {
    context ??= new AudioContext();
    return context;
  }

  /** A file's sound. Fails where it cannot be fetched or decoded. */
  function load(source) {
    if (!decoded.has(source)) {
      const sound = fetch(source)
        .then((response) => (response.ok ? response.arrayBuffer() : Promise.reject(response)))
        .then((data) => audioContext().decodeAudioData(data));
      sound.catch(() => decoded.delete(source));
      decoded.set(source, sound);
    }
    const sound = decoded.get(source);
    decoded.delete(source);
    decoded.set(source, sound); // the newest again
    for (const old of [...decoded.keys()].slice(0, -KEPT)) decoded.delete(old);
    return sound;
  }

  class Deck {
    /**
     * @param root element that everything of the explorer is in
     * @param changed called when something of this has changed
     * @param length seconds that a sound has, as long as none is loaded
     */
    constructor(root, changed, length) {
      this.root = root;
      this.changed = changed;
      this.length = length;
      this.at = 0; // where it begins or was stopped
      this.voice = null; // what Web Audio plays now: {source, gain, since, at}
      this.element = null; // the audio element, where Web Audio gets no files
      this.output = null;
      this.wanted = null; // address of what shall sound
      this.loops = true;
      this.turn = 0;
      this.failed = false;
      const stop = (event) => {
        const source = event.type === "play" ? event.target : event.detail?.source;
        const ours = source === root || source === this.element;
        // The players of the list are in the root, but no part of this.
        const inside = source instanceof Node && root.contains(source);
        if (!ours && (!inside || source instanceof HTMLMediaElement)) this.pause();
      };
      document.addEventListener("ml:start", stop);
      document.addEventListener("play", stop, true);
    }

    get playing() {
      return this.wanted !== null;
    }

    get seconds() {
      if (this.voice) return this.reached(audioContext().currentTime);
      if (this.element && !this.element.paused) return this.element.currentTime;
      return this.at;
    }

    /** Where the voice is at a moment of the context. */
    reached(time) {
      const at = this.voice.at + Math.max(0, time - this.voice.since);
      return this.loops ? at % this.length : Math.min(at, this.length);
    }

    /** Play a sound from where the last one is. */
    async play(source) {
      const turn = ++this.turn;
      this.wanted = source;
      this.failed = false;
      this.announce();
      this.changed();
      let sound = null;
      try {
        const running = audioContext().resume();
        sound = await load(source);
        await running;
      } catch {
        if (turn === this.turn) this.playElement(source, turn);
        return;
      }
      if (turn !== this.turn) return;
      this.length = sound.duration;
      this.begin(sound);
      this.changed();
    }

    begin(sound) {
      if (!this.output) {
        this.output = audioContext().createGain();
        this.output.connect(audioContext().destination);
      }
      const since = audioContext().currentTime + LEAD;
      const reached = this.voice ? this.reached(since) : this.at;
      const at = reached < this.length - 0.02 ? reached : 0;
      this.halt(since);
      const source = audioContext().createBufferSource();
      const gain = audioContext().createGain();
      gain.gain.setValueAtTime(0, since);
      gain.gain.linearRampToValueAtTime(1, since + FADE);
      Object.assign(source, { buffer: sound, loop: this.loops });
      source.connect(gain).connect(this.output);
      source.start(since, at);
      const voice = { source, gain, since, at };
      source.onended = () => {
        gain.disconnect();
        if (this.voice !== voice) return;
        this.voice = null;
        this.at = 0;
        this.wanted = null;
        this.changed();
      };
      this.voice = voice;
    }

    /** Fade out what sounds. */
    halt(time) {
      if (!this.voice) return;
      const { source, gain, since } = this.voice;
      this.at = this.reached(time);
      this.voice = null;
      // A voice may be stopped while it fades in.
      const level = Math.min(Math.max((time - since) / FADE, 0), 1);
      gain.gain.cancelScheduledValues(time);
      if (level < 1) gain.gain.linearRampToValueAtTime(level, time);
      else gain.gain.setValueAtTime(1, time);
      gain.gain.linearRampToValueAtTime(0, time + FADE);
      source.stop(time + FADE);
    }

    pause() {
      if (!this.playing) return;
      this.turn += 1;
      this.wanted = null;
      if (this.voice) this.halt(audioContext().currentTime + LEAD);
      if (this.element && !this.element.paused) {
        this.at = this.element.currentTime;
        this.element.pause();
      }
      this.changed();
    }

    seek(seconds) {
      const source = this.wanted;
      if (this.voice) this.halt(audioContext().currentTime + LEAD);
      this.at = Math.min(Math.max(seconds, 0), this.length);
      if (this.element && !this.element.paused) this.element.currentTime = this.at;
      else if (source !== null) this.play(source);
      this.changed();
    }

    repeat(loops) {
      if (this.voice) {
        const now = audioContext().currentTime;
        Object.assign(this.voice, { at: this.reached(now), since: now });
        this.voice.source.loop = loops;
      }
      if (this.element) this.element.loop = loops;
      this.loops = loops;
    }

    /** Play a sound by an audio element. */
    async playElement(source, turn) {
      if (!this.element) {
        this.element = document.createElement("audio");
        this.element.hidden = true;
        this.root.append(this.element);
        this.element.addEventListener("timeupdate", () => this.changed());
        this.element.addEventListener("ended", () => {
          this.at = 0;
          this.wanted = null;
          this.changed();
        });
      }
      const { element } = this;
      const at = this.seconds;
      element.pause();
      element.src = source;
      element.loop = this.loops;
      if (at > 0) element.currentTime = at; // from where it begins, once it is loaded
      try {
        await element.play();
        if (turn === this.turn) this.length = element.duration || this.length;
      } catch (error) {
        if (turn !== this.turn || error.name === "AbortError") return;
        this.wanted = null;
        this.failed = true;
      }
      this.changed();
    }

    /** Everything else on the page shall be silent. */
    announce() {
      const { root } = this;
      document.dispatchEvent(new CustomEvent("ml:start", { detail: { source: root } }));
      for (const other of document.querySelectorAll("audio, video")) {
        if (other !== this.element) other.pause();
      }
    }
  }

  window.mlExplorerDeck = Deck;
})();
