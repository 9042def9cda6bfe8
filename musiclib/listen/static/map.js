/*
 * Points that play: maps of sounds and dots on curves ([data-ml-map]). Without this script they are a
 * picture with a list of its sounds.
 *
 * A map is one stop of the tab key. Arrow keys move to the nearest point in their direction, Home
 * and End to the first and the last; Enter and space start and stop a sound, Escape stops it.
 * A mouse that rests on a point plays it until it leaves, a click until another one. Points that are
 * one clip in several forms ([data-one-clip]) go on where the last one stopped.
 */
(() => {
  "use strict";

  const REST_MS = 120; // how long the mouse has to stay on a point
  const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  /**
   * Index of the point to which an arrow key moves, or -1: the nearest one in a quarter of the plane
   * around the direction, else the one that is least off it. Points in one place follow in order.
   */
  function inDirection(places, from, [dx, dy], allowed = () => true) {
    let best = -1;
    let least = Infinity;
    for (let index = 0; index < places.length; index += 1) {
      if (index === from || !allowed(index)) continue;
      const x = places[index][0] - places[from][0];
      const y = places[index][1] - places[from][1];
      const along = x * dx + y * dy;
      const across = Math.abs(x * dy - y * dx);
      const here = x === 0 && y === 0;
      if (here ? index > from !== dx + dy > 0 : along <= 0) continue;
      let cost = 0;
      if (here) cost = Math.abs(index - from) * 1e-6;
      else cost = Math.hypot(along, across) + (across > along ? 1e4 * (across / along) : 0);
      if (cost < least) [best, least] = [index, cost];
    }
    return best;
  }

  class SoundMap {
    constructor(root) {
      this.root = root;
      this.view = new globalThis.MusiclibMapView(root);
      this.points = this.view.points;
      this.sounds = [...root.querySelectorAll("[data-ml-sound]")];
      this.active = 0; // the point that the tab key reaches
      this.playing = -1;
      this.wanted = -1; // the last one that was started
      this.passing = false; // whether it plays only while the mouse is on it
      this.at = 0; // seconds at which one clip goes on
      // In the document, so that other players know of it and stop it.
      this.audio = document.createElement("audio");
      this.audio.preload = "none";
      this.audio.hidden = true;
      root.append(this.audio);
      this.points.forEach((point, index) => {
        point.setAttribute("role", "button");
        point.setAttribute("aria-pressed", "false");
        point.setAttribute("tabindex", index === this.active ? "0" : "-1");
      });
      if (matchMedia("(hover: hover)").matches) this.addSwitch();
      this.listen();
    }

    /** The reader may want silence while the mouse moves. */
    addSwitch() {
      const { make } = globalThis.MusiclibMapView;
      const label = make("label", { class: "ml-choice" }, this.root);
      this.view.line.after(label);
      this.rests = make("input", { type: "checkbox" }, label);
      this.rests.checked = true;
      label.append("Play what the mouse rests on");
    }

    listen() {
      const { view, audio, root } = this;
      const { svg } = view;
      svg.addEventListener("pointermove", (event) => {
        this.hover(view.near(event), event.pointerType === "mouse");
      });
      svg.addEventListener("pointerleave", () => this.hover(-1));
      svg.addEventListener("click", (event) => this.onClick(event));
      // Not on the picture itself: Chromium would make it one more stop of the tab key.
      view.plot.addEventListener("focusin", (event) => this.onFocus(event.target));
      view.plot.addEventListener("focusout", () => view.show({ focused: -1 }));
      svg.addEventListener("keydown", (event) => this.onKey(event));
      root.addEventListener("keydown", (event) => {
        if (event.key === "Escape" && this.playing >= 0) this.stop();
      });
      this.sounds.forEach((sound, index) => {
        if (sound.localName === "a") sound.addEventListener("click", (event) => this.onLink(event, index));
      });
      for (const type of ["pause", "ended"]) {
        audio.addEventListener(type, () => {
          if (audio.paused || audio.ended) this.mark(-1);
        });
      }
      // One sound at a time: player.js tells how. Notebooks have no player.js, so a map sees to it
      // that media elements stop each other there too.
      document.addEventListener("ml:start", (event) => this.onStart(event.detail.source));
      document.addEventListener("play", ({ target }) => target !== audio && audio.pause(), true);
    }

    /** Something on the page began to sound. */
    onStart(source) {
      if (!this.root.contains(source)) this.audio.pause();
    }

    announce() {
      document.dispatchEvent(new CustomEvent("ml:start", { detail: { source: this.root } }));
      for (const other of this.others()) other.pause();
    }

    others() {
      return [...document.querySelectorAll("audio")].filter((other) => other !== this.audio);
    }

    onLink(event, index) {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      this.toggle(index);
    }

    onClick(event) {
      // The click of a screen reader has no place.
      const own = () => this.points.indexOf(event.target.closest(".ml-point"));
      const index = event.detail > 0 ? this.view.near(event) : own();
      if (index < 0) return;
      this.points[index].focus({ preventScroll: true, focusVisible: false });
      this.toggle(index);
    }

    onFocus(point) {
      const index = this.points.indexOf(point);
      if (index < 0) return;
      this.points[this.active].setAttribute("tabindex", "-1");
      point.setAttribute("tabindex", "0");
      this.active = index;
      this.view.show({ focused: point.matches(":focus-visible") ? index : -1 });
    }

    onKey(event) {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const { view, active } = this;
      const isShown = (index) => view.isShown(index);
      const shown = [...this.points.keys()].filter(isShown);
      let next = active;
      if (event.key in KEYS) next = inDirection(view.places, active, KEYS[event.key], isShown);
      else if (event.key === "Home") next = shown[0];
      else if (event.key === "End") next = shown.at(-1);
      else if (event.key === "Enter" || event.key === " ") this.toggle(active);
      else return;
      event.preventDefault();
      this.hover(-1); // the mouse rests somewhere
      const point = this.points[next] ?? this.points[active];
      point.focus();
      this.onFocus(point); // also after a click, whose focus was not shown
    }

    hover(index, isMouse = false) {
      if (index === this.view.state.hovered) return;
      this.view.svg.style.cursor = index < 0 ? "" : "pointer";
      this.view.show({ hovered: index });
      if (this.passing && index !== this.playing) this.stop();
      clearTimeout(this.rest);
      if (isMouse && index >= 0) this.rest = setTimeout(() => this.pass(index), REST_MS);
    }

    /** The mouse rests on a point: play it, unless something else is heard or nothing may be yet. */
    pass(index) {
      const others = document.querySelector(':is([data-state="playing"], [data-state="loading"])');
      const isQuiet = this.playing < 0 && !others && this.others().every(({ paused }) => paused);
      if (!this.rests?.checked || !isQuiet || !navigator.userActivation?.hasBeenActive) return;
      this.play(index);
      this.passing = true;
    }

    toggle(index) {
      clearTimeout(this.rest);
      if (index !== this.playing) this.play(index);
      else if (this.passing) this.passing = false; // now it stays
      else this.stop();
    }

    play(index) {
      const sound = this.sounds[index];
      this.keepPlace();
      this.audio.src = sound.href || sound.src;
      if (this.at) this.audio.currentTime = this.at;
      this.passing = false;
      this.wanted = index;
      this.mark(index);
      this.announce();
      this.audio.play().catch((error) => {
        // Another was started before this one began, or it was stopped.
        if (error.name === "AbortError" || this.wanted !== index) return;
        this.mark(-1);
        this.view.say(`${this.view.names[index]} cannot be played.`);
        this.view.line.textContent = this.view.status.textContent;
      });
    }

    stop() {
      this.audio.pause();
      this.keepPlace();
      this.mark(-1);
    }

    keepPlace() {
      const { audio, root } = this;
      if (root.hasAttribute("data-one-clip")) this.at = audio.ended ? 0 : audio.currentTime || this.at;
    }

    /** Show which point plays; -1 for none. */
    mark(index) {
      const last = this.playing;
      if (index === last) return;
      this.playing = index;
      if (last >= 0) this.points[last].setAttribute("aria-pressed", "false");
      this.root.toggleAttribute("data-playing", index >= 0);
      this.sounds.forEach((sound, number) => sound.toggleAttribute("data-now", number === index));
      this.view.show({ playing: index });
      if (index >= 0) {
        this.points[index].setAttribute("aria-pressed", "true");
        this.view.say(`Playing ${this.view.names[index]}`);
        if (last < 0) this.turn();
      } else {
        this.passing = false;
        this.view.say("Stopped");
      }
    }

    /** The wheel around the playing point, and how far it walked, show how much was heard. */
    turn() {
      if (this.playing < 0) return;
      const share = this.audio.duration > 0 ? this.audio.currentTime / this.audio.duration : 0;
      this.view.turn(share);
      cancelAnimationFrame(this.frame);
      this.frame = requestAnimationFrame(() => this.turn());
    }
  }

  function begin() {
    for (const root of document.querySelectorAll("[data-ml-map]:not([data-on])")) new SoundMap(root);
  }

  if (typeof document === "undefined") module.exports = { inDirection };
  else if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
