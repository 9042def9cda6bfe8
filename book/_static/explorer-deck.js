/*
 * Sounds of an explorer: they share one position, and one of them is heard at a time. When another
 * one is chosen while a sound plays, it goes on at the same place.
 *
 * Sounds of other parts of the page stop when one of ours starts, and the other way round (event
 * ml:start; see player.js).
 */
(() => {
  "use strict";

  if (window.mlExplorerDeck) return; // a notebook holds this script once for each explorer

  /** Sounds that share one position: one of them is heard at a time. */
  class Deck {
    constructor(root, changed) {
      this.root = root;
      this.changed = changed;
      this.elements = [0, 1].map(() => {
        const audio = document.createElement("audio");
        audio.hidden = true;
        audio.preload = "auto";
        root.append(audio);
        for (const type of ["play", "pause", "ended", "timeupdate", "loadedmetadata"]) {
          audio.addEventListener(type, () => audio === this.heard && this.changed());
        }
        return audio;
      });
      this.heard = this.elements[0];
      this.loops = true;
      this.turn = 0;
      this.wanted = null; // address of the sound that is starting
      this.failed = false;
      const stop = (event) => {
        const source = event.type === "play" ? event.target : event.detail?.source;
        if (!(source instanceof Node) || !root.contains(source)) this.pause();
      };
      document.addEventListener("ml:start", stop);
      document.addEventListener("play", stop, true);
    }

    get playing() {
      return this.wanted !== null || !this.heard.paused;
    }

    get seconds() {
      return this.heard.currentTime || 0;
    }

    get duration() {
      return Number.isFinite(this.heard.duration) ? this.heard.duration : 0;
    }

    /** Play a sound from where the last one is. */
    async play(source) {
      const turn = ++this.turn;
      const last = this.heard;
      this.failed = false;
      if (last.getAttribute("src") === source) {
        this.wanted = null;
        await this.start(last, turn);
        return;
      }
      this.wanted = source;
      const next = this.elements.find((audio) => audio !== last);
      next.loop = this.loops;
      try {
        await ready(next, source);
        if (turn !== this.turn) return;
        // First near the place, so that its data are there; then exactly, as time has gone on.
        await moved(next, Math.min(last.currentTime, next.duration));
        if (turn !== this.turn) return;
        if (!last.paused) await moved(next, Math.min(last.currentTime, next.duration));
        if (turn !== this.turn) return;
      } catch {
        if (turn === this.turn) this.fail();
        return;
      }
      this.heard = next;
      this.wanted = null;
      last.pause();
      await this.start(next, turn);
    }

    async start(audio, turn) {
      audio.loop = this.loops;
      try {
        const begun = audio.play();
        document.dispatchEvent(new CustomEvent("ml:start", { detail: { source: this.root } }));
        await begun;
      } catch (error) {
        if (turn === this.turn && error.name !== "AbortError") this.fail();
      }
      this.changed();
    }

    fail() {
      this.wanted = null;
      this.failed = true;
      this.heard.pause();
      this.changed();
    }

    pause() {
      if (!this.playing) return;
      this.turn += 1;
      this.wanted = null;
      this.heard.pause();
      this.changed();
    }

    seek(seconds) {
      if (this.duration) this.heard.currentTime = Math.min(seconds, this.duration);
    }

    repeat(loops) {
      this.loops = loops;
      for (const audio of this.elements) audio.loop = loops;
    }
  }

  /** Load a sound until its length is known. */
  function ready(audio, source) {
    return new Promise((resolve, reject) => {
      audio.addEventListener("loadedmetadata", resolve, { once: true });
      audio.addEventListener("error", reject, { once: true });
      audio.src = source;
      audio.load();
    });
  }

  /** Move a sound, and wait until it is there. */
  function moved(audio, seconds) {
    return new Promise((resolve) => {
      audio.addEventListener("seeked", resolve, { once: true });
      audio.currentTime = seconds;
    });
  }

  window.mlExplorerDeck = Deck;
})();
