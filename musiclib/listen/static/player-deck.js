/*
 * Sound of the players: one clip through several systems, all of them running at once, one of them
 * heard. `player-stage.js` shows what happens here.
 *
 * A WebDeck decodes the files (Web Audio) and starts all systems at the same sample, so that choosing
 * another one is only a cross-fade: no gap, no click, no change of position. Where files cannot be
 * fetched, as in a page opened from a disk, a MediaDeck plays them by their audio elements and
 * carries the position over. Neither changes the level of a file: the gain of what is heard is 1.
 */
(() => {
  "use strict";

  const shared = (globalThis.MusiclibPlayer ??= {});
  const FADE = 0.01; // seconds; shorter ones click, longer ones blur what is compared
  const settings = {
    // Seconds that a change is scheduled ahead. What comes too late for the audio thread clicks, and
    // busy machines render in bursts.
    lead: 0.04,
    kept: 3, // decks whose decoded sound stays in memory
    rest: 10, // seconds of silence after which the sound device is let go
  };

  let context = null;
  let idle = 0; // timer
  const recent = []; // decks in the order of their use, the last one first

  /** The page's audio context, made in the first gesture: earlier ones may not start. */
  function audioContext() {
    context ??= new AudioContext();
    return context;
  }

  /** A file that cannot be heard. `elsewhere`: an audio element may still be able to play it. */
  class SoundError extends Error {
    constructor(message, elsewhere) {
      super(message);
      this.elsewhere = elsewhere;
    }
  }

  /** A gain that moves in straight lines, and knows its value without asking the audio thread. */
  class Fader {
    constructor(value) {
      this.node = audioContext().createGain();
      this.node.gain.value = value;
      Object.assign(this, { from: value, to: value, start: 0, end: 0, cut: false });
    }

    valueAt(time) {
      if (time >= this.end) return this.to;
      if (time <= this.start) return this.from;
      return this.from + ((this.to - this.from) * (time - this.start)) / (this.end - this.start);
    }

    go(value, time) {
      const now = this.valueAt(time);
      const { gain } = this.node;
      gain.cancelScheduledValues(time);
      // A line that is cut short has to end where it would have been, also when it is cut twice.
      const cut = time === this.start ? this.cut : time > this.start && time < this.end;
      if (cut) gain.linearRampToValueAtTime(now, time);
      else gain.setValueAtTime(now, time);
      gain.linearRampToValueAtTime(value, time + FADE);
      Object.assign(this, { from: now, to: value, start: time, end: time + FADE, cut });
    }
  }

  /** All systems of a clip, running from one position on until they are stopped. */
  class Run {
    constructor(output, at, chosen) {
      this.chosen = chosen;
      this.voices = new Map();
      this.at = at;
      this.since = this.frame(audioContext().currentTime + settings.lead);
      // The first sample of a file is left as it is; elsewhere sound begins without a click.
      this.master = new Fader(at > 0 ? 0 : 1);
      if (at > 0) this.master.go(1, this.since);
      this.master.node.connect(output);
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

    /** Let a system run with the others, in step to the sample; the first one is the chosen one. */
    add(index, buffer) {
      if (this.voices.has(index)) return;
      const first = this.voices.size === 0;
      const time = first ? this.since : this.frame(audioContext().currentTime + settings.lead);
      const start = Math.max(time, this.since);
      const source = audioContext().createBufferSource();
      const fader = new Fader(first ? 1 : 0);
      if (!first && index === this.chosen) fader.go(1, start);
      source.buffer = buffer;
      source.connect(fader.node).connect(this.master.node);
      source.start(start, this.position(start));
      this.voices.set(index, { source, fader, start });
    }

    choose(index) {
      this.chosen = index;
      const now = audioContext().currentTime + settings.lead;
      const time = Math.max(now, this.voices.get(index)?.start ?? now);
      for (const [number, { fader }] of this.voices) {
        const value = number === index ? 1 : 0;
        if (fader.to !== value) fader.go(value, time);
      }
    }

    /** End without a click; gives the position that was reached. */
    stop() {
      const time = audioContext().currentTime + settings.lead;
      this.master.go(0, time);
      for (const { source } of this.voices.values()) source.stop(time + 2 * FADE);
      const node = this.master.node;
      setTimeout(() => node.disconnect(), 1000 * (settings.lead + 4 * FADE) + 200);
      return this.position(time);
    }
  }

  class WebDeck {
    /**
     * @param sources addresses of the systems' files, the reference first
     * @param seconds length of the clip, 0 while it is not known
     * @param hooks changed(), and failed(index, error)
     */
    constructor(sources, seconds, hooks) {
      this.mode = "web";
      this.tracks = sources.map((address) => ({ address, buffer: null, loading: null }));
      this.seconds = seconds;
      this.limit = Infinity; // seconds at which a blind test ends the sound
      this.loop = true;
      this.hooks = hooks;
      this.chosen = 0;
      this.wanted = false; // whether it shall sound, as soon as it can
      this.at = 0;
      this.run = null;
      this.output = null;
    }

    get playing() {
      return this.run !== null;
    }

    get duration() {
      const known = this.tracks.map(({ buffer }) => buffer?.duration ?? 0);
      return Math.min(this.seconds || Math.max(0, ...known), this.limit);
    }

    get position() {
      const at = this.run ? this.run.position(audioContext().currentTime) : this.at;
      return this.duration ? Math.min(at, this.duration) : at;
    }

    /** Fetch and decode a system's file; the same promise while it is under way or done. */
    load(index) {
      const track = this.tracks[index];
      track.loading ??= this.fetch(track).catch((error) => {
        track.loading = null;
        this.hooks.failed(index, error);
        throw error;
      });
      return track.loading;
    }

    async fetch(track) {
      let data;
      try {
        const response = await fetch(track.address);
        if (!response.ok) throw new SoundError(`the server answers ${response.status}`, false);
        data = await response.arrayBuffer();
      } catch (error) {
        if (error instanceof SoundError) throw error;
        throw new SoundError("the file cannot be fetched", true);
      }
      try {
        track.buffer = await audioContext().decodeAudioData(data);
      } catch {
        throw new SoundError("the browser cannot decode the file", true);
      }
    }

    play() {
      this.wanted = true;
      keep(this);
      audioContext()
        .resume()
        .then(() => this.settle());
      this.settle();
      const settle = () => this.settle();
      const rest = () => this.tracks.forEach((_, index) => this.load(index).then(settle, () => {}));
      // What is to be heard first is not to wait for the others.
      this.load(this.chosen).then(settle, () => {}).finally(rest);
    }

    /** Start what is wanted and there. */
    settle() {
      if (this.wanted && audioContext().state === "running") {
        if (!this.run && this.tracks[this.chosen].buffer) this.start();
        if (this.run) this.tracks.forEach(({ buffer }, index) => buffer && this.run.add(index, buffer));
      }
      this.hooks.changed();
    }

    start() {
      if (!this.output) {
        this.output = audioContext().createGain();
        this.output.connect(audioContext().destination);
      }
      if (this.duration - this.at < 0.02) this.at = 0;
      this.run = new Run(this.output, this.at, this.chosen);
      this.run.add(this.chosen, this.tracks[this.chosen].buffer);
      this.watch();
    }

    /** Begin again or stop at the end, also in a page that is not in view. */
    watch() {
      clearTimeout(this.timer);
      this.timer = setTimeout(
        () => {
          if (!this.run) return;
          if (this.position < this.duration - 0.001) this.watch();
          else if (this.loop) this.seek(0);
          else this.pause();
        },
        1000 * Math.max(this.duration - this.position, 0.01),
      );
    }

    halt() {
      if (!this.run) return;
      this.at = Math.min(this.run.stop(), this.duration);
      this.run = null;
      clearTimeout(this.timer);
      clearTimeout(idle);
      idle = setTimeout(rest, 1000 * settings.rest);
    }

    pause() {
      this.wanted = false;
      this.halt();
      this.hooks.changed();
    }

    seek(seconds) {
      const wanted = this.wanted;
      this.halt();
      this.at = Math.min(Math.max(seconds, 0), this.duration || seconds);
      if (wanted && this.duration && this.at >= this.duration) this.wanted = false;
      this.settle();
    }

    choose(index) {
      this.chosen = index;
      if (this.run && this.tracks[index].buffer) this.run.choose(index);
      else this.halt(); // rather silence than the sound of another system
      if (this.wanted) this.load(index).then(() => this.settle(), () => {});
      this.hooks.changed();
    }

    /** Forget decoded sound; the browser still has the files. */
    release() {
      for (const track of this.tracks) Object.assign(track, { buffer: null, loading: null });
    }
  }

  function rest() {
    if (!recent.some(({ wanted }) => wanted)) context.suspend();
  }

  function keep(deck) {
    const index = recent.indexOf(deck);
    if (index >= 0) recent.splice(index, 1);
    recent.unshift(deck);
    for (const old of recent.splice(settings.kept)) {
      if (old.wanted) recent.push(old);
      else old.release();
    }
  }

  Object.assign(shared, { WebDeck, SoundError, audioContext, settings });
})();
