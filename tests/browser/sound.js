/*
 * What tests ask of a page with sounds: whether time advances and whether anything is heard.
 * Everything is polled, with room for a busy machine.
 */
globalThis.mlTest = (() => {
  "use strict";

  const PATIENCE = 60000; // milliseconds
  const AUDIBLE = 1e-4; // of full scale, -80 dB
  const rest = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

  async function until(condition, patience = PATIENCE) {
    const end = performance.now() + patience;
    while (performance.now() < end) {
      if (condition()) return true;
      await rest(15);
    }
    return Boolean(condition());
  }

  /** Follow a node of a sound graph: a function that tells the highest level so far. */
  function follow(node) {
    const analyser = node.context.createAnalyser();
    analyser.fftSize = 2048;
    node.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    let highest = 0;
    return () => {
      analyser.getFloatTimeDomainData(samples);
      for (const sample of samples) highest = Math.max(highest, Math.abs(sample));
      return highest;
    };
  }

  let context = null;
  /** The same for a media element, whose own output stays as it is. */
  function followMedia(media) {
    context ??= new AudioContext();
    return follow(context.createMediaStreamSource(media.captureStream()));
  }

  /** Play from the middle, where no piece is silent, unless there is enough left to play. */
  async function keepPlaying(stage) {
    if (stage.duration - stage.position < 0.8) stage.seek(stage.duration * 0.4);
    if (!stage.playing) stage.play();
    await until(() => stage.playing);
  }

  /** Play every system of a stage for a moment; what was wrong, in words. */
  async function tryStage(element) {
    const stage = element.mlStage;
    const name = element.getAttribute("aria-label");
    const faults = [];
    element.scrollIntoView({ block: "center", behavior: "instant" });
    stage.play();
    if (!(await until(() => stage.playing && stage.position > 0.05))) {
      return [`${name}: does not play: ${element.dataset.state} ${element.textContent.slice(0, 300)}`];
    }
    stage.seek(stage.duration * 0.4);
    const systems = Math.max(1, element.querySelectorAll(".ml-system").length);
    for (let index = 0; index < systems; index += 1) {
      await keepPlaying(stage);
      if (index > 0) stage.choose(index);
      const settled = () => stage.chosen === index && element.dataset.state === "playing";
      if (!(await until(settled))) faults.push(`${name}: system ${index} does not start`);
      const before = stage.position;
      if (!(await until(() => stage.position > before + 0.03))) faults.push(`${name}: ${index} stands still`);
      const level = follow(stage.output);
      if (!(await until(() => level() > AUDIBLE, 8000))) faults.push(`${name}: system ${index} is silent`);
      const alert = element.querySelector(".ml-alert")?.textContent;
      if (alert) faults.push(`${name}: ${alert}`);
    }
    stage.pause();
    if (!(await until(() => !stage.playing))) faults.push(`${name}: does not pause`);
    return faults;
  }

  /** Change the system of a playing stage, and tell how far the position jumps, in seconds. */
  async function jump(element, index) {
    const stage = element.mlStage;
    await keepPlaying(stage);
    const clock = stage.output.context; // the clock of what is heard, which a busy machine holds up
    const [from, begun] = [stage.position, clock.currentTime];
    stage.choose(index);
    await until(() => stage.chosen === index && element.dataset.state === "playing");
    await until(() => clock.currentTime > begun + 0.06);
    const [to, ended] = [stage.position, clock.currentTime];
    return to - from - (ended - begun);
  }

  /** Whether an explorer's sound, which was started, is heard; what was wrong, in words. */
  async function tryExplorer(root) {
    const { deck } = root.mxExplorer;
    if (!(await until(() => deck.run && deck.position > 0))) return "does not start";
    const before = deck.position;
    if (!(await until(() => Math.abs(deck.position - before) > 0.03))) return "stands still";
    const level = follow(deck.output);
    return (await until(() => level() > AUDIBLE, 8000)) ? "" : "is silent";
  }

  /** Play a media element for a moment; what was wrong, in words. */
  async function tryMedia(media) {
    await media.play();
    const name = media.getAttribute("aria-label") || media.currentSrc;
    if (!(await until(() => media.currentTime > 0.05))) return [`${name}: stands still`];
    const level = followMedia(media);
    media.currentTime = media.duration * 0.4;
    const heard = await until(() => level() > AUDIBLE, 8000);
    media.pause();
    return heard ? [] : [`${name}: is silent`];
  }

  return { AUDIBLE, until, rest, follow, followMedia, keepPlaying, tryStage, tryExplorer, tryMedia, jump };
})();
