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

  const { make, makeButton, makeStatus, setPressed, clamp, numbers, hasModifier, calm } = globalThis.MusiclibListen;
  const NEAR = { mouse: 22, touch: 34 }; // pixels from which a point can be picked
  const MARGIN = 22;
  const GRID = 1000; // steps of the places on axes
  const REST_MS = 120; // how long the mouse has to stay on a point
  const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const HINT = "Point at a mark to see its name, click it to hear it.";
  const WALK_HINT = "Here it walks along its path while it plays.";
  const keysHint = (what) => `Keys, once the ${what} has the focus: arrows to move, Enter to play, Escape to stop.`;
  const canHover = matchMedia("(hover: hover)").matches;

  /** Places of an attribute, two numbers each. */
  function pairs(text) {
    const all = text ? numbers(text) : [];
    return Array.from({ length: all.length / 2 }, (_, index) => all.slice(2 * index, 2 * index + 2));
  }

  /** A new element of a picture. */
  const draw = (name, attributes, parent) => make(name, attributes, parent, "", "http://www.w3.org/2000/svg");

  const shift = ([x, y]) => `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;

  /** The one of a choice that is made. */
  const picked = (inputs) => inputs.find((input) => input.checked) ?? inputs[0];

  /** Index of the least cost below a limit, or -1. */
  function cheapest(costs, limit = Infinity) {
    const least = Math.min(...costs);
    return least < limit ? costs.indexOf(least) : -1;
  }

  /**
   * Index of the point to which an arrow key moves, or -1: the nearest one in a quarter of the plane
   * around the direction, else the one that is least off it. Points in one place follow in order.
   */
  function inDirection(places, from, [dx, dy], allowed = () => true) {
    const costs = places.map((place, index) => {
      if (index === from || !allowed(index)) return Infinity;
      const [x, y] = place.map((value, axis) => value - places[from][axis]);
      if (x === 0 && y === 0) return index > from === dx + dy > 0 ? Math.abs(index - from) * 1e-6 : Infinity;
      const along = x * dx + y * dy;
      const across = Math.abs(x * dy - y * dx);
      if (along <= 0) return Infinity;
      return Math.hypot(along, across) + (across > along ? 1e4 * (across / along) : 0);
    });
    return cheapest(costs);
  }

  class SoundMap {
    active = 0; // the point that the tab key reaches
    wanted = -1; // the last one that was started
    passing = false; // whether it plays only while the mouse is on it
    at = 0; // seconds at which one clip goes on

    constructor(root) {
      this.root = root;
      this.plot = root.querySelector(".ml-plot");
      this.svg = this.plot.querySelector("svg");
      this.points = [...this.svg.querySelectorAll(".ml-point")];
      this.names = this.points.map((point) => point.getAttribute("aria-label"));
      this.items = [...root.querySelectorAll(".ml-listing li")];
      this.layouts = [...root.querySelectorAll("input[data-xy]")];
      this.colourings = [...root.querySelectorAll("input[data-of]")];
      this.genres = numbers(this.svg.dataset.genres);
      this.nearest = this.svg.dataset.nearest?.split(",").map((text) => (text ? numbers(text) : [])) ?? [];
      this.chosen = new Map(); // of each legend: the numbers of its entries that are not dimmed
      Object.assign(this, { hovered: -1, focused: -1, playing: -1 }); // numbers of points
      this.sounds = [...root.querySelectorAll("[data-ml-sound]")];
      this.build();
      this.fit();
      this.colour();
      root.setAttribute("data-on", "");
      new ResizeObserver(() => this.fit()).observe(this.plot);
      if (canHover) this.addSwitch();
      this.listen();
    }

    build() {
      const lines = ["ml-kin", "ml-links"].map((name) => draw("path", { class: name, "aria-hidden": "true" }));
      this.svg.prepend(...lines);
      [this.kin, this.links] = lines;
      const marks = draw("g", { class: "ml-marks", "aria-hidden": "true" }, this.svg);
      this.path = draw("path", { class: "ml-path" }, marks);
      this.ring = draw("circle", { class: "ml-ring", r: 12 }, marks);
      this.wheel = draw("g", { class: "ml-wheel" }, marks);
      draw("circle", { class: "ml-track", r: 15 }, this.wheel);
      this.arc = draw("circle", { class: "ml-arc", r: 15, pathLength: 1 }, this.wheel);
      this.copy = draw("g", { class: "ml-copy" }, this.wheel); // the wheel hides the mark
      this.walker = draw("g", { class: "ml-walker", "data-none": "" }, marks);
      draw("circle", { class: "ml-halo", r: 11 }, this.walker);
      this.twin = draw("g", { class: "ml-copy" }, this.walker);
      this.tip = make("div", { class: "ml-tip", "aria-hidden": "true", hidden: "" }, this.plot);
      this.line = make("p", { class: "ml-line" }, this.root);
      this.plot.after(this.line);
      this.say = makeStatus(this.root);
      this.audio = make("audio", { preload: "none", hidden: "" }, this.root); // in the page: others stop it
      this.points.forEach((point, index) => {
        point.querySelector("title").remove(); // the tip says it
        point.setAttribute("role", "button");
        setPressed(point, false);
        point.tabIndex = index === this.active ? 0 : -1;
      });
      const label = this.svg.getAttribute("aria-label");
      this.keysHint = keysHint(this.svg.dataset.axes ? "plot" : "map");
      this.svg.setAttribute("aria-label", `${label}. ${this.keysHint}`);
      this.root.querySelector(".ml-choices").hidden = this.layouts.length < 2 && this.colourings.length < 2;
      this.legends = [...this.root.querySelectorAll("[data-legend]")];
      this.legends.forEach((legend) => this.buildLegend(legend));
      for (const input of this.layouts) input.addEventListener("change", () => this.move());
      for (const input of this.colourings) input.addEventListener("change", () => this.colour());
    }

    /** Entries of a legend become buttons that dim all others. */
    buildLegend(legend) {
      const chosen = new Set();
      this.chosen.set(legend.dataset.legend, chosen);
      [...legend.querySelectorAll("li")].forEach((item, number) => {
        const content = [...item.childNodes];
        const press = () => {
          if (!chosen.delete(number)) chosen.add(number);
          setPressed(button, chosen.has(number));
          this.dim();
        };
        const button = makeButton(item, "", press, "ml-entry");
        button.append(...content);
        setPressed(button, false);
      });
    }

    /** Which point the pointer means: the nearest one that is not dimmed, if it is near enough. */
    near(event) {
      const box = this.svg.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      const distances = this.places.map(([left, top], index) =>
        this.isShown(index) ? Math.hypot(left - x, top - y) : Infinity,
      );
      return cheapest(distances, event.pointerType === "touch" ? NEAR.touch : NEAR.mouse);
    }

    isShown(index) {
      return !this.points[index].hasAttribute("data-dim");
    }

    /** Names, rings and lines for what is pointed at, focused by keys and played. */
    show(change = {}) {
      const { hovered, focused, playing } = Object.assign(this, change);
      const at = hovered >= 0 ? hovered : focused;
      this.ring.toggleAttribute("data-keys", focused >= 0);
      this.put(this.ring, focused >= 0 ? focused : hovered);
      this.put(this.wheel, playing);
      if (playing >= 0) this.copyMark(playing);
      const about = at >= 0 ? at : playing;
      this.showLine(about);
      this.showTip(at);
      this.showKin(at);
      this.link(this.links, about, this.nearest[about] ?? []); // near in the whole space, if not here
      this.showPath(at, playing);
      if (playing < 0) this.walker.setAttribute("data-none", "");
    }

    showLine(index) {
      if (index < 0) {
        const hints = [HINT];
        if (this.paths && !calm.matches) hints.push(WALK_HINT);
        if (canHover) hints.push(this.keysHint);
        this.line.textContent = hints.join(" ");
        return;
      }
      const [name, detail] = ["a, b", "span"].map((part) => this.items[index].querySelector(part));
      const title = make("b", {}, null, name.textContent);
      const isPlaying = index === this.playing;
      this.line.replaceChildren(isPlaying ? "\u25b6 Playing: " : "", title, `, ${detail.textContent}`);
    }

    copyMark(index) {
      const colour = this.points[index].style.getPropertyValue("--ml-mark");
      for (const copy of [this.copy, this.twin]) {
        copy.style.setProperty("--ml-mark", colour);
        copy.innerHTML = this.points[index].innerHTML;
      }
    }

    /** Lines along which points walk: the one that plays, and the one that is pointed at. */
    showPath(...indices) {
      const walks = [...new Set(indices)].map((index) => this.paths?.[index] ?? []);
      const lines = walks.filter((steps) => steps.length).map((steps) => `M${steps.join("L")}`);
      this.path.setAttribute("d", lines.join(""));
    }

    /** Put a copy of the playing point where it is by now: between two steps of its path. */
    walk(share) {
      const steps = this.paths?.[this.playing] ?? [];
      const isWalking = steps.length > 0 && !calm.matches;
      this.walker.toggleAttribute("data-none", !isWalking);
      if (!isWalking) return;
      const at = clamp(share, 0, 1) * (steps.length - 1);
      const step = Math.min(Math.floor(at), steps.length - 2);
      const place = steps[step].map((from, axis) => from + (at - step) * (steps[step + 1][axis] - from));
      this.walker.style.transform = shift(place);
    }

    put(mark, index) {
      mark.toggleAttribute("data-none", index < 0);
      if (index >= 0) mark.style.transform = this.points[index].style.transform;
    }

    showTip(index) {
      // A walking point needs the room, and the line below the picture says what plays.
      const isWalking = index === this.playing && this.paths?.[index]?.length > 0;
      this.tip.hidden = index < 0 || isWalking;
      if (this.tip.hidden) return;
      this.tip.textContent = this.names[index];
      const [x, y] = this.places[index];
      const half = this.tip.offsetWidth / 2;
      const left = clamp(x, half, Math.max(this.plot.clientWidth - half, half));
      const above = y > this.tip.offsetHeight + 24;
      this.tip.style.left = `${left}px`;
      this.tip.style.top = `${above ? y - this.tip.offsetHeight - 20 : y + 20}px`;
    }

    /** Lines to the other points of an artist, while colours mean artists. */
    showKin(index) {
      const { kin } = picked(this.colourings).dataset;
      const own = kin && index >= 0 ? numbers(kin) : null;
      const others = own && own[index] >= 0 ? [...own.keys()].filter((other) => own[other] === own[index]) : [];
      this.link(this.kin, index, others);
    }

    link(path, index, others) {
      path.setAttribute("d", others.map((other) => `M${this.places[index]}L${this.places[other]}`).join(""));
    }

    /** Put the points where the layout has them, in the room that there is. */
    fit() {
      const width = this.plot.clientWidth;
      if (!width) return; // not in view
      const height = Math.round(width < 520 ? width : Math.min(0.7 * width, 620));
      const { xy, paths } = picked(this.layouts).dataset;
      const places = pairs(xy);
      const walks = paths?.split(",").map(pairs) ?? [];
      const most = (axis) => [places, ...walks].flat().reduce((top, pair) => Math.max(top, pair[axis]), 0);
      // Axes have room of their own and scales of their own; distances on a map keep their proportions.
      const axes = this.svg.dataset.axes && numbers(this.svg.dataset.axes);
      const extent = axes ? [GRID, GRID] : [most(0), most(1)];
      const [left, top, right, bottom] = axes ?? Array(4).fill(MARGIN);
      const room = [width - left - right, height - top - bottom];
      const scales = room.map((pixels, axis) => pixels / Math.max(extent[axis], 1));
      const scale = axes ? scales : Array(2).fill(Math.min(...scales));
      const put = (pair) =>
        pair.map((value, axis) => [left, top][axis] + room[axis] / 2 + scale[axis] * (value - extent[axis] / 2));
      this.places = places.map(put);
      this.paths = paths === undefined ? null : walks.map((walk) => walk.map(put));
      this.svg.style.setProperty("--ml-size", width < 520 ? "0.8" : "1");
      this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      this.svg.setAttribute("height", height);
      this.places.forEach((place, index) => (this.points[index].style.transform = shift(place)));
      for (const line of this.svg.querySelectorAll("[data-line]")) {
        line.setAttribute("d", `M${pairs(line.dataset.line).map(put).join("L")}`);
      }
      for (const text of this.svg.querySelectorAll("[data-at]")) {
        text.style.transform = shift(put(numbers(text.dataset.at)));
      }
      this.show();
    }

    /** Go to another layout, slowly where the reader allows motion. */
    move() {
      clearTimeout(this.still);
      this.root.setAttribute("data-moving", "");
      this.still = setTimeout(() => this.root.removeAttribute("data-moving"), 900);
      this.fit();
      const { value, dataset } = picked(this.layouts);
      this.root.querySelector(".ml-layout").textContent = dataset.note;
      this.say([value, dataset.note].filter(Boolean).join(": "));
    }

    colour() {
      const input = picked(this.colourings);
      const colours = input.dataset.palette.split(" ");
      this.number = String(this.colourings.indexOf(input)); // of its legend
      this.of = numbers(input.dataset.of);
      this.of.forEach((colour, index) => this.points[index].style.setProperty("--ml-mark", colours[colour]));
      for (const legend of this.legends) {
        if (legend.dataset.legend === "genre") legend.toggleAttribute("data-plain", input.value !== "genre");
        else legend.hidden = legend.dataset.legend !== this.number;
      }
      this.dim();
    }

    /** Dim what the pressed buttons of the legends leave out. */
    dim() {
      const chosen = [
        [this.chosen.get("genre"), this.genres],
        [this.chosen.get(this.number), this.of],
      ];
      const isLeftOut = (index) => chosen.some(([set, of]) => set?.size && !set.has(of[index]));
      this.points.forEach((point, index) => point.toggleAttribute("data-dim", isLeftOut(index)));
      this.show();
    }

    /** The reader may want silence while the mouse moves. */
    addSwitch() {
      const label = make("label", { class: "ml-choice" }, this.root);
      this.line.after(label);
      this.rests = make("input", { type: "checkbox" }, label);
      this.rests.checked = true;
      label.append("Play what the mouse rests on");
    }

    listen() {
      const { svg, plot, audio, root } = this;
      svg.addEventListener("pointermove", (event) => this.hover(this.near(event), event.pointerType === "mouse"));
      svg.addEventListener("pointerleave", () => this.hover(-1));
      svg.addEventListener("click", (event) => this.onClick(event));
      // Not on the picture itself: Chromium would make it one more stop of the tab key.
      plot.addEventListener("focusin", (event) => this.onFocus(event.target));
      plot.addEventListener("focusout", () => this.show({ focused: -1 }));
      svg.addEventListener("keydown", (event) => this.onKey(event));
      root.addEventListener("keydown", (event) => {
        if (event.key === "Escape" && this.playing >= 0) this.stop();
      });
      root.addEventListener("click", (event) => this.onLink(event));
      const rests = () => (audio.paused || audio.ended) && this.mark(-1);
      for (const type of ["pause", "ended"]) audio.addEventListener(type, rests);
    }

    /** A link of the list plays here. */
    onLink(event) {
      const index = this.sounds.indexOf(event.target.closest("a"));
      if (index < 0 || hasModifier(event) || event.shiftKey) return; // these open a tab or a window
      event.preventDefault();
      this.toggle(index);
    }

    onClick(event) {
      // The click of a screen reader has no place.
      const index = event.detail > 0 ? this.near(event) : this.points.indexOf(event.target.closest(".ml-point"));
      if (index < 0) return;
      this.points[index].focus({ preventScroll: true, focusVisible: false });
      this.toggle(index);
    }

    onFocus(point) {
      const index = this.points.indexOf(point);
      if (index < 0) return;
      this.points[this.active].tabIndex = -1;
      point.tabIndex = 0;
      this.active = index;
      this.show({ focused: point.matches(":focus-visible") ? index : -1 });
    }

    onKey(event) {
      if (hasModifier(event)) return;
      const { active } = this;
      const isShown = (index) => this.isShown(index);
      const shown = [...this.points.keys()].filter(isShown);
      let next = active;
      if (event.key in KEYS) next = inDirection(this.places, active, KEYS[event.key], isShown);
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
      if (index === this.hovered) return;
      this.svg.style.cursor = index < 0 ? "" : "pointer";
      this.show({ hovered: index });
      if (this.passing && index !== this.playing) this.stop();
      clearTimeout(this.rest);
      if (isMouse && index >= 0) this.rest = setTimeout(() => this.pass(index), REST_MS);
    }

    /** The mouse rests on a point: play it, unless something else is heard or nothing may be yet. */
    pass(index) {
      const others = document.querySelector("[data-state=playing], [data-state=loading]");
      const isQuiet = !others && [...document.querySelectorAll("audio")].every(({ paused }) => paused);
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
      const { href, src } = this.sounds[index];
      this.keepPlace();
      this.audio.src = href ?? src;
      if (this.at) this.audio.currentTime = this.at;
      this.passing = false;
      this.wanted = index;
      this.mark(index);
      this.audio.play().catch((error) => {
        // Another was started before this one began, or it was stopped.
        if (error.name === "AbortError" || this.wanted !== index) return;
        this.mark(-1);
        this.line.textContent = this.say(`${this.names[index]} cannot be played.`);
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
      this.points.forEach((point, number) => setPressed(point, number === index));
      this.root.toggleAttribute("data-playing", index >= 0);
      this.sounds.forEach((sound, number) => sound.toggleAttribute("data-now", number === index));
      this.show({ playing: index });
      if (index >= 0) {
        this.say(`Playing ${this.names[index]}`);
        if (last < 0) this.turn();
      } else {
        this.passing = false;
        this.say("Stopped");
      }
    }

    /** The wheel around the playing point, and how far it walked, show how much was heard. */
    turn() {
      if (this.playing < 0) return;
      const { currentTime, duration } = this.audio;
      const share = duration > 0 ? currentTime / duration : 0;
      this.arc.style.strokeDashoffset = String(1 - share);
      this.walk(share);
      cancelAnimationFrame(this.frame);
      this.frame = requestAnimationFrame(() => this.turn());
    }
  }

  globalThis.MusiclibMap = { inDirection };

  for (const root of document.querySelectorAll("[data-ml-map]:not([data-on])")) new SoundMap(root);
})();
