"""Synthetic players for the tests in a browser, and a recorder of what they let sound."""

import base64

import numpy as np

from musiclib.listen import Row, Sound, comparison

SECONDS = 6.0
LEVELS = (0.2, 0.1, 0.15)
TONES = (500.0, 800.0, 1250.0)
RATES = (24_000, 24_000, 8_000)

# Runs on the thread of the sound, so it gets every block, however busy the page is.
RECORDER = """async (element) => {
  if (window.recorded) { // it still runs
    window.recorded.length = 0;
    return element.mlStage.output.context.sampleRate;
  }
  const stage = element.mlStage;
  const context = stage.output.context;
  const code = `registerProcessor("recorder", class extends AudioWorkletProcessor {
    process([input]) {
      this.port.postMessage([currentFrame, input[0] ? input[0].slice() : new Float32Array(128)]);
      return true;
    }
  })`;
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  await context.audioWorklet.addModule(address);
  const mono = { channelCount: 1, channelCountMode: "explicit" };
  const node = new AudioWorkletNode(context, "recorder", mono);
  const blocks = [];
  node.port.onmessage = ({ data }) => blocks.push(data);
  stage.output.connect(node).connect(context.destination);
  // While it is connected, blocks come twice or not at all.
  const steady = () => {
    const last = blocks.slice(-20).map(([frame]) => frame);
    return last.length === 20 && last.every((frame, index) => frame === last[0] + 128 * index);
  };
  while (!steady()) await new Promise((done) => setTimeout(done, 5));
  blocks.length = 0;
  window.recorded = blocks;
  return context.sampleRate;
}"""

RECORDED = """() => {
  const blocks = window.recorded.slice();
  const frames = blocks.map(([frame]) => frame);
  const lost = frames.findIndex((frame, index) => index && frame !== frames[index - 1] + 128);
  if (lost > 0) throw Error(`lost blocks: ${frames.slice(lost - 1, lost + 3)}`);
  const all = new Float32Array(blocks.length * 128);
  blocks.forEach(([, block], index) => all.set(block, index * 128));
  const bytes = new Uint8Array(all.buffer);
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) {
    text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  }
  return btoa(text);
}"""


def tone(hertz, level=0.2, seconds=SECONDS, rate=24_000):
    times = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def sweep(level=0.2, seconds=SECONDS, rate=24_000):
    """A tone that rises from 300 Hz by 300 Hz a second: its pitch tells the position."""
    times = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * (300 * times + 150 * times**2))).astype(np.float32)


def clip(title, make, kbps=(None, 12.3, 8.1)):
    """A row of three systems, told apart by level, and at different sampling rates."""
    labels = ("Reference", "Opus 12 kbps", "MP3 8 kbps")
    sounds = [
        Sound(
            label,
            make(index, LEVELS[index], RATES[index]),
            RATES[index],
            kbps=kbps[index],
            figures={"si_sdr": 10.0 + index} if index else {},
        )
        for index, label in enumerate(labels)
    ]
    return Row(title, sounds, note="Somebody, folk")


def tones():
    """Two rows whose systems are tones of different pitch and level, and a row of one system."""
    rows = [
        clip("First", lambda index, level, rate: tone(TONES[index], level, rate=rate)),
        clip("Second", lambda index, level, rate: tone(TONES[index] + 50, level, rate=rate)),
    ]
    html = comparison(rows, "Tones through systems.").html
    alone = Row("Third", [Sound("A tone", tone(440.0), 24_000)])
    return html + comparison([alone], "One tone.").html


def sweeps():
    """A row whose systems are the same sweep at different levels."""
    row = clip("Sweep", lambda _, level, rate: sweep(level, rate=rate))
    return comparison([row], "Sweeps.").html


def stage(page, number=0):
    return page.locator(".ml-stage").nth(number)


def wait(page, condition, number=0):
    """Wait until a condition on the stage `s` holds, written in JavaScript."""
    page.wait_for_function(
        "([number, text]) => { const e = document.querySelectorAll('.ml-stage')[number];"
        " return e && new Function('s', 'e', `return ${text}`)(e.mlStage, e); }",
        arg=[number, condition],
        timeout=30_000,
    )


def value(page, expression, number=0):
    return (
        page.locator(".ml-stage")
        .nth(number)
        .evaluate(f"e => {{const s = e.mlStage; return {expression}}}")
    )


def play(page, number=0):
    """Play a stage by its button, and wait until all its systems are heard or ready to be."""
    stage(page, number).locator(".ml-play").click()
    wait(
        page, "s.playing && s.deck.run.voices.size === s.systems.length && s.position > 0.3", number
    )


def record(page, number=0):
    """Begin to record what a stage plays; gives the sampling rate."""
    return stage(page, number).evaluate(RECORDER)


def recorded(page):
    """Samples since `record`, shape ``(N,)``."""
    return np.frombuffer(base64.b64decode(page.evaluate(RECORDED)), np.float32)


def pitch(samples, rate):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.size)))
    return np.argmax(spectrum) * rate / samples.size


def level(samples):
    """Amplitude of a tone, by its louder half: a busy machine may leave a gap in the other."""
    halves = np.array_split(np.square(samples, dtype=float), 2)
    return np.sqrt(2 * max(half.mean() for half in halves))


def let_sound(page, seconds):
    """Wait until the clock of the sound has gone on, however busy the machine is."""
    page.evaluate(
        """async (seconds) => {
          const context = window.MusiclibListen.audioContext();
          const end = context.currentTime + seconds;
          while (context.currentTime < end) await new Promise((done) => setTimeout(done, 10));
        }""",
        seconds,
    )
