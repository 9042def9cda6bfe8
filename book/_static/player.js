/*
 * Listening comfort for the book's pages. Without this script every player still works by itself.
 *
 * 1. Starting a player stops the others on the page.
 * 2. In a group ([data-ml-group]: one clip through several systems, the reference first) the
 *    position belongs to the group: another system goes on where the last one was.
 * 3. While the focus is in a group: 0 plays the reference, 1 to 9 the systems, space starts and
 *    stops, the left and right arrows move by two seconds.
 */
(() => {
  "use strict";

  const SEEK_SECONDS = 2;
  const END_SECONDS = 0.5;
  const all = () => document.querySelectorAll("audio");

  /** One clip through several systems. */
  class Group {
    constructor(element) {
      this.element = element;
      this.players = [...element.querySelectorAll("audio")];
      this.current = null; // the player whose position is the group's
      this.carried = new WeakSet(); // players whose next seek is ours, not the listener's
      this.status = addStatus(element);
      this.players.forEach((player, index) => this.watch(player, index));
      element.addEventListener("keydown", (event) => this.onKey(event), true);
    }

    watch(player, index) {
      addKeyBadge(player, index);
      player.addEventListener("play", () => this.onPlay(player));
      player.addEventListener("seeking", () => {
        // A listener who moves a seek bar means this position for the whole group.
        if (this.carried.has(player)) this.carried.delete(player);
        else this.current = player;
      });
    }

    onPlay(player) {
      const last = this.current;
      this.current = player;
      if (last && last !== player) this.moveTo(player, isAtEnd(last) ? 0 : last.currentTime);
      // The files of a group in use are fetched, so that switching is immediate.
      for (const other of this.players) if (other.preload === "none") other.preload = "auto";
      for (const other of this.players) mark(other, other === player);
    }

    /** Set a player's position, once it knows its length. */
    moveTo(player, seconds) {
      if (player.readyState === HTMLMediaElement.HAVE_NOTHING) {
        const late = () => {
          // Only if the listener has not gone elsewhere in the meantime.
          if (this.current === player) this.moveTo(player, seconds);
        };
        player.addEventListener("loadedmetadata", late, { once: true });
        return;
      }
      const target = Math.min(Math.max(seconds, 0), player.duration || 0);
      if (Math.abs(player.currentTime - target) < 0.001) return; // no seek, so no event to expect
      this.carried.add(player);
      player.currentTime = target;
    }

    choose(index) {
      const player = this.players[index];
      if (!player) return;
      player.focus({ preventScroll: true });
      start(player);
      this.say(player);
    }

    toggle() {
      const player = this.focused();
      if (player.paused) start(player);
      else player.pause();
    }

    seek(seconds) {
      const player = this.focused();
      this.current = player;
      this.moveTo(player, player.currentTime + seconds);
    }

    /** The player that has the focus, else the one that was heard last, else the reference. */
    focused() {
      const holder = this.players.find((player) => player.parentElement.contains(document.activeElement));
      return holder || this.current || this.players[0];
    }

    onKey(event) {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.target.closest("input, select, textarea, a")) return;
      if (/^[0-9]$/.test(event.key)) this.choose(Number(event.key));
      else if (event.key === " ") this.toggle();
      else if (event.key === "ArrowLeft") this.seek(-SEEK_SECONDS);
      else if (event.key === "ArrowRight") this.seek(SEEK_SECONDS);
      else return;
      // Else the browser's own controls would act on the same key a second time.
      event.preventDefault();
      event.stopPropagation();
    }

    say(player) {
      this.status.textContent = `Playing ${player.closest("[data-label]")?.dataset.label ?? ""}`;
    }
  }

  /** Whether a player has nothing left to play, or too little to compare. */
  function isAtEnd(player) {
    return player.ended || player.duration - player.currentTime < END_SECONDS;
  }

  function start(player) {
    // A file that cannot be played is shown as such by the browser's controls.
    player.play().catch(() => {});
  }

  function mark(player, playing) {
    player.closest("[data-label]")?.toggleAttribute("data-playing", playing);
  }

  function addKeyBadge(player, index) {
    if (index > 9) return;
    const badge = document.createElement("kbd");
    badge.className = "ml-key";
    badge.textContent = String(index);
    badge.setAttribute("aria-hidden", "true");
    player.closest("[data-label]")?.prepend(badge);
  }

  /** A line that screen readers speak when it changes. */
  function addStatus(element) {
    const status = document.createElement("span");
    status.className = "ml-hidden";
    status.setAttribute("role", "status");
    (element.querySelector("th") || element).append(status);
    return status;
  }

  /** The keys are named only where they work. */
  function addHint(comparison) {
    const caption = comparison.querySelector("caption");
    if (!caption) return;
    const hint = document.createElement("span");
    hint.className = "ml-note ml-hint";
    hint.textContent =
      " Keys, once a player has the focus: 0 for the reference, digits for the systems, " +
      "space to start and stop, left and right to move by 2 s.";
    caption.append(hint);
  }

  function begin() {
    // Events of media do not bubble, but they can be captured.
    document.addEventListener(
      "play",
      (event) => {
        for (const other of all()) if (other !== event.target) other.pause();
      },
      true,
    );
    for (const type of ["pause", "ended"]) {
      document.addEventListener(type, (event) => mark(event.target, false), true);
    }
    document.querySelectorAll("[data-ml-group]").forEach((element) => new Group(element));
    document.querySelectorAll(".ml-comparison").forEach(addHint);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
