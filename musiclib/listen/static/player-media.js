/*
 * Sound of the players where files cannot be fetched: the page's own audio elements, one of them
 * heard, with the position carried over. It has what the WebDeck of `player-deck.js` has.
 */
(() => {
  "use strict";

  const shared = (globalThis.MusiclibPlayer ??= {});
  const FADE = 30; // milliseconds; timers are no finer than that
  const REASONS = {
    2: "the network failed",
    3: "the browser cannot decode the file",
    4: "the file is missing, or the browser cannot play its kind",
  };

  class MediaDeck {
    /**
     * @param players audio elements of the systems, the reference first
     * @param seconds length of the clip, 0 while it is not known
     * @param hooks changed(), and failed(index, error)
     */
    constructor(players, seconds, hooks) {
      this.mode = "media";
      this.players = players;
      this.seconds = seconds;
      this.hooks = hooks;
      this.chosen = 0;
      this.wanted = false;
      this.at = 0;
      this.loop = true;
      this.output = null;
      players.forEach((player, index) => {
        player.addEventListener("playing", () => hooks.changed());
        player.addEventListener("loadedmetadata", () => hooks.changed());
        player.addEventListener("ended", () => index === this.chosen && this.onEnd());
        player.addEventListener("pause", () => this.onPause(player));
        player.addEventListener("error", () => {
          const error = new shared.SoundError(REASONS[player.error?.code] ?? "it failed", false);
          if (index === this.chosen) this.wanted = false;
          hooks.failed(index, error);
          hooks.changed();
        });
      });
    }

    get player() {
      return this.players[this.chosen];
    }

    get playing() {
      return this.wanted && !this.player.paused && this.player.readyState > 1;
    }

    get duration() {
      return this.seconds || this.player.duration || 0;
    }

    get position() {
      return this.playing ? this.player.currentTime : this.at;
    }

    play() {
      this.wanted = true;
      for (const player of this.players) player.preload = "auto";
      if (this.duration - this.at < 0.05) this.at = 0;
      this.begin(this.player);
      this.hooks.changed();
    }

    begin(player) {
      if (player.error) player.load(); // once more: a failed network may be back
      if (Math.abs(player.currentTime - this.at) > 0.001) player.currentTime = this.at;
      player.volume = 0;
      player
        .play()
        .then(() => player === this.player && fade(player, 1))
        .catch((error) => {
          // What cannot be played has had its event; the rest was stopped before it began.
          if (error.name !== "NotAllowedError") return;
          this.wanted = false;
          this.hooks.failed(this.chosen, new shared.SoundError("the browser refuses to start it"));
          this.hooks.changed();
        });
    }

    onEnd() {
      if (!this.loop || !this.wanted) {
        this.pause();
        return;
      }
      this.at = 0;
      this.begin(this.player);
    }

    /** Something else on the page stopped it. */
    onPause(player) {
      if (player !== this.player || !this.wanted || player.ended) return;
      this.pause();
    }

    pause() {
      this.at = Math.min(this.player.currentTime, this.duration || Infinity);
      this.wanted = false;
      for (const player of this.players) player.pause();
      this.hooks.changed();
    }

    seek(seconds) {
      this.at = Math.min(Math.max(seconds, 0), this.duration || seconds);
      if (this.wanted && this.duration && this.at >= this.duration) {
        const end = this.at;
        this.pause();
        this.at = end;
      } else if (this.wanted) this.player.currentTime = this.at;
      this.hooks.changed();
    }

    choose(index) {
      const last = this.player;
      if (this.wanted && !last.paused) this.at = last.currentTime;
      this.chosen = index;
      if (last !== this.player) {
        if (this.wanted) this.begin(this.player);
        fade(last, 0);
      }
      this.hooks.changed();
    }
  }

  /** Move a player's volume in a straight line; one that gets silent is stopped. */
  function fade(player, target) {
    const from = player.volume;
    const begin = performance.now();
    clearInterval(player.mlFade);
    player.mlFade = setInterval(() => {
      const share = Math.min((performance.now() - begin) / FADE, 1);
      player.volume = from + (target - from) * share;
      if (share < 1) return;
      clearInterval(player.mlFade);
      if (target === 0) player.pause();
    }, 5);
  }

  Object.assign(shared, { MediaDeck });
})();
