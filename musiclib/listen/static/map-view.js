/*
 * What a map of sounds shows: where its points are, with axes and curves if it has any, their
 * colours, names and rings. `map.js` plays the sounds and listens to the reader.
 */
(() => {
  "use strict";

  const NEAR = { mouse: 22, touch: 34 }; // pixels from which a point can be picked
  const MARGIN = 22;
  const GRID = 1000; // steps of the places on axes
  const HINT = "Point at a mark to see its name, click it to hear it.";
  const WALK_HINT = "Here it walks along its path while it plays.";
  const KEYS_HINT = "Keys, once the map has the focus: arrows to move, Enter to play, Escape to stop.";

  /** Numbers of an attribute. */
  const numbers = (text) => text.split(" ").map(Number);

  /** Places of an attribute, two numbers each. */
  function pairs(text) {
    const all = text ? numbers(text) : [];
    return Array.from({ length: all.length / 2 }, (_, index) => all.slice(2 * index, 2 * index + 2));
  }

  /** A new element with attributes, in HTML or in SVG. */
  function make(name, attributes, parent, space = "http://www.w3.org/1999/xhtml") {
    const element = document.createElementNS(space, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    parent.append(element);
    return element;
  }

  class MapView {
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
      this.state = { hovered: -1, focused: -1, playing: -1 };
      this.build();
      this.fit();
      this.colour();
      root.setAttribute("data-on", "");
      new ResizeObserver(() => this.fit()).observe(this.plot);
    }

    build() {
      const svg = "http://www.w3.org/2000/svg";
      this.kin = make("path", { class: "ml-kin", "aria-hidden": "true" }, this.svg, svg);
      this.links = make("path", { class: "ml-links", "aria-hidden": "true" }, this.svg, svg);
      this.svg.prepend(this.kin, this.links);
      const marks = make("g", { class: "ml-marks", "aria-hidden": "true" }, this.svg, svg);
      this.path = make("path", { class: "ml-path" }, marks, svg);
      this.ring = make("circle", { class: "ml-ring", r: 12 }, marks, svg);
      this.wheel = make("g", { class: "ml-wheel" }, marks, svg);
      make("circle", { class: "ml-track", r: 15 }, this.wheel, svg);
      this.arc = make("circle", { class: "ml-arc", r: 15, pathLength: 1 }, this.wheel, svg);
      this.copy = make("g", { class: "ml-copy" }, this.wheel, svg); // the wheel hides the mark
      this.walker = make("g", { class: "ml-walker", "data-none": "" }, marks, svg);
      make("circle", { class: "ml-halo", r: 11 }, this.walker, svg);
      this.twin = make("g", { class: "ml-copy" }, this.walker, svg);
      this.tip = make("div", { class: "ml-tip", "aria-hidden": "true", hidden: "" }, this.plot);
      this.line = make("p", { class: "ml-line" }, this.root);
      this.plot.after(this.line);
      this.status = make("span", { class: "ml-hidden", role: "status" }, this.root);
      for (const point of this.points) point.querySelector("title").remove(); // the tip says it
      const label = this.svg.getAttribute("aria-label");
      this.svg.setAttribute("aria-label", `${label}. ${KEYS_HINT}`);
      const choices = this.root.querySelector(".ml-choices");
      choices.hidden = this.layouts.length < 2 && this.colourings.length < 2;
      this.root.querySelectorAll("[data-legend]").forEach((legend) => this.buildLegend(legend));
      for (const input of this.layouts) input.addEventListener("change", () => this.move());
      for (const input of this.colourings) input.addEventListener("change", () => this.colour());
    }

    /** Entries of a legend become buttons that dim all others. */
    buildLegend(legend) {
      const chosen = new Set();
      this.chosen.set(legend.dataset.legend, chosen);
      [...legend.querySelectorAll("li")].forEach((item, number) => {
        const content = [...item.childNodes];
        const button = make("button", { type: "button", "aria-pressed": "false" }, item);
        button.append(...content);
        button.addEventListener("click", () => {
          if (!chosen.delete(number)) chosen.add(number);
          button.setAttribute("aria-pressed", String(chosen.has(number)));
          this.dim();
        });
      });
    }

    /** Which point the pointer means: the nearest one that is not dimmed, if it is near enough. */
    near(event) {
      const box = this.svg.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      let best = -1;
      let least = event.pointerType === "touch" ? NEAR.touch : NEAR.mouse;
      this.places.forEach(([left, top], index) => {
        const distance = Math.hypot(left - x, top - y);
        if (distance < least && this.isShown(index)) [best, least] = [index, distance];
      });
      return best;
    }

    isShown(index) {
      return !this.points[index].hasAttribute("data-dim");
    }

    /** A line that screen readers speak. */
    say(words) {
      this.status.textContent = words;
    }

    /** Names, rings and lines for what is pointed at, focused by keys and played. */
    show(change = {}) {
      Object.assign(this.state, change);
      const { hovered, focused, playing } = this.state;
      const at = hovered >= 0 ? hovered : focused;
      this.ring.toggleAttribute("data-keys", focused >= 0);
      this.put(this.ring, focused >= 0 ? focused : hovered);
      this.put(this.wheel, playing);
      if (playing >= 0) this.copyMark(playing);
      this.showLine(at >= 0 ? at : playing);
      this.showTip(at);
      this.showKin(at);
      this.showNearest(at >= 0 ? at : playing);
      this.showPath(at, playing);
      if (playing < 0) this.walker.setAttribute("data-none", "");
    }

    showLine(index) {
      if (index < 0) {
        const hints = [HINT];
        if (this.paths && !this.isCalm()) hints.push(WALK_HINT);
        if (matchMedia("(hover: hover)").matches) hints.push(KEYS_HINT);
        this.line.textContent = hints.join(" ");
        return;
      }
      const [name, detail] = ["a, b", "span"].map((part) => this.items[index].querySelector(part));
      const title = document.createElement("b");
      title.textContent = name.textContent;
      const isPlaying = index === this.state.playing;
      this.line.replaceChildren(isPlaying ? "\u25b6 Playing: " : "", title, `, ${detail.textContent}`);
    }

    copyMark(index) {
      const colour = this.points[index].style.getPropertyValue("--ml-mark");
      for (const copy of [this.copy, this.twin]) {
        copy.style.setProperty("--ml-mark", colour);
        copy.innerHTML = this.points[index].innerHTML;
      }
    }

    /** How much of the playing sound was heard, 0 to 1. */
    turn(share) {
      this.arc.style.strokeDashoffset = String(1 - share);
      this.walk(share);
    }

    /** Whether the reader asked for as little motion as possible. */
    isCalm() {
      return matchMedia("(prefers-reduced-motion: reduce)").matches;
    }

    /** Lines along which points walk: the one that plays, and the one that is pointed at. */
    showPath(...indices) {
      const walks = [...new Set(indices)].map((index) => this.paths?.[index] ?? []);
      const lines = walks.filter((steps) => steps.length).map((steps) => `M${steps.join("L")}`);
      this.path.setAttribute("d", lines.join(""));
    }

    /** Put a copy of the playing point where it is by now: between two steps of its path. */
    walk(share) {
      const steps = this.paths?.[this.state.playing] ?? [];
      const isWalking = steps.length > 0 && !this.isCalm();
      this.walker.toggleAttribute("data-none", !isWalking);
      if (!isWalking) return;
      const at = Math.min(Math.max(share, 0), 1) * (steps.length - 1);
      const step = Math.min(Math.floor(at), steps.length - 2);
      const [x, y] = steps[step].map((from, axis) => from + (at - step) * (steps[step + 1][axis] - from));
      this.walker.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
    }

    put(mark, index) {
      mark.toggleAttribute("data-none", index < 0);
      if (index >= 0) mark.style.transform = this.points[index].style.transform;
    }

    showTip(index) {
      // A walking point needs the room, and the line below the picture says what plays.
      const isWalking = index === this.state.playing && this.paths?.[index]?.length > 0;
      this.tip.hidden = index < 0 || isWalking;
      if (this.tip.hidden) return;
      this.tip.textContent = this.names[index];
      const [x, y] = this.places[index];
      const half = this.tip.offsetWidth / 2;
      const left = Math.min(Math.max(x, half), Math.max(this.plot.clientWidth - half, half));
      const above = y > this.tip.offsetHeight + 24;
      this.tip.style.left = `${left}px`;
      this.tip.style.top = `${above ? y - this.tip.offsetHeight - 20 : y + 20}px`;
    }

    /** Lines to the other points of an artist, while colours mean artists. */
    showKin(index) {
      const kin = this.colourings.find((input) => input.checked)?.dataset.kin;
      const own = kin && index >= 0 ? numbers(kin) : null;
      const others = own && own[index] >= 0 ? this.places.filter((_, i) => own[i] === own[index]) : [];
      const path = others.map((place) => `M${this.places[index]}L${place}`);
      this.kin.setAttribute("d", path.join(""));
    }

    /** Lines to the points that are nearest in the whole space, wherever the layout has them. */
    showNearest(index) {
      const ends = (this.nearest[index] ?? []).map((other) => `M${this.places[index]}L${this.places[other]}`);
      this.links.setAttribute("d", ends.join(""));
    }

    /** Put the points where the layout has them, in the room that there is. */
    fit() {
      const width = this.plot.clientWidth;
      if (!width) return; // not in view
      const height = Math.round(width < 520 ? width : Math.min(0.7 * width, 620));
      const { xy, paths } = (this.layouts.find((input) => input.checked) ?? this.layouts[0]).dataset;
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
      this.places.forEach(([x, y], index) => {
        this.points[index].style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
      });
      for (const line of this.svg.querySelectorAll("[data-line]")) {
        line.setAttribute("d", `M${pairs(line.dataset.line).map(put).join("L")}`);
      }
      for (const text of this.svg.querySelectorAll("[data-at]")) {
        const [x, y] = put(numbers(text.dataset.at));
        text.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
      }
      this.show();
    }

    /** Go to another layout, slowly where the reader allows motion. */
    move() {
      clearTimeout(this.still);
      this.root.setAttribute("data-moving", "");
      this.still = setTimeout(() => this.root.removeAttribute("data-moving"), 900);
      this.fit();
      const input = this.layouts.find((one) => one.checked);
      this.root.querySelector(".ml-layout").textContent = input.dataset.note;
      this.say([input.value, input.dataset.note].filter(Boolean).join(": "));
    }

    colour() {
      const number = Math.max(this.colourings.findIndex((input) => input.checked), 0);
      const { palette, of } = this.colourings[number].dataset;
      const colours = palette.split(" ");
      const isGenre = this.colourings[number].value === "genre";
      this.of = numbers(of);
      this.of.forEach((colour, index) => {
        this.points[index].style.setProperty("--ml-mark", colours[colour]);
      });
      for (const legend of this.root.querySelectorAll("[data-legend]")) {
        const ofGenre = legend.dataset.legend === "genre";
        if (ofGenre) legend.toggleAttribute("data-plain", !isGenre);
        else legend.hidden = legend.dataset.legend !== String(number);
      }
      this.dim();
    }

    /** Dim what the pressed buttons of the legends leave out. */
    dim() {
      const number = String(Math.max(this.colourings.findIndex((input) => input.checked), 0));
      const chosen = [
        [this.chosen.get("genre"), this.genres],
        [this.chosen.get(number), this.of],
      ];
      this.points.forEach((point, index) => {
        const isLeftOut = chosen.some(([set, of]) => set?.size && !set.has(of[index]));
        point.toggleAttribute("data-dim", isLeftOut);
      });
      this.show();
    }
  }

  globalThis.MusiclibMapView = Object.assign(MapView, { make });
})();
