// The stage and the answers. Runs once, when gradio has put the stage into the page, as the body of a function
// with `element` (the stage) and `trigger` (an event to the server). Messages from the server arrive as
// events of the window; what gradio's own buttons call is in `window.segue`.

const find = (selector) => element.querySelector(selector);
const stage = find(".segue-stage"), picture = find(".segue-picture");
const maskCanvas = find(".segue-masks"), traceCanvas = find(".segue-trace");
const boxMark = find(".segue-box"), crossMark = find(".segue-cross"), label = find(".segue-label");
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

const state = {
  picture: null,      // {number, name, width, height} once the server has taken it
  awaited: 0,         // number of the last picture sent
  entries: new Map(), // number -> {number, card, answer, maps, started, timer}
  next: 1,
  running: null,      // the entry being answered
  shown: null,        // the entry on the stage
  hot: -1,            // its segment under the pointer
  threshold: 0.5,
  tool: "look",
  region: null,       // [x0, y0, x1, y1] in the picture's pixels
  cursor: null,       // [x, y] of the keyboard's cross
  corner: null,       // the first corner of a box
  playing: 0,         // the animation frame of a word trace
};

// -- words to people ---------------------------------------------------------------

const HELP = {
  look: "Move over a phrase or over the picture. Keys: arrows go from mask to mask.",
  box: "Draw a box, then describe it or ask about it. Keys: arrows move, Enter sets a corner, Escape clears.",
  point: "Click on a thing, then describe it. Keys: arrows move, Enter sets the point, Escape clears.",
};

function say(text) { find(".segue-status").textContent = text; }

function complain(text) {
  const place = find(".segue-error");
  place.hidden = !text;
  place.textContent = text ? text[0].toUpperCase() + text.slice(1) + "." : "";
  if (text) place.scrollIntoView({ block: "nearest" });
}

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function button(text, className, onClick) {
  const node = make("button", className, text);
  node.type = "button";
  node.addEventListener("click", onClick);
  return node;
}

const percent = (value) => `${Math.round(value * 100)}%`;
const seconds = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

// -- pictures ----------------------------------------------------------------------

function sendPicture(fields, told) {
  complain("");
  state.awaited += 1;
  say(told);
  stage.classList.add("busy");
  trigger("picture", { number: state.awaited, ...fields });
}

function takeFile(file) {
  if (!file) return;
  const limit = Math.floor((Number(stage.dataset.maxBytes) - 4096) * 3 / 4); // base64 makes four of three
  if (file.size > limit) {
    complain(`${file.name} has ${(file.size / 1e6).toFixed(1)} MB; this server takes pictures of up to ` +
             `${(limit / 1e6).toFixed(0)} MB: make it smaller`);
    return;
  }
  const reader = new FileReader();
  reader.onload = () => {
    const data = String(reader.result).replace(/^data:[^,]*,/, "data:;base64,");
    if (!data.startsWith("data:;base64,")) { complain(`${file.name} is empty`); return; }
    sendPicture({ name: file.name.slice(-300), data }, "sending the picture ...");
  };
  reader.onerror = () => complain(`${file.name} cannot be read`);
  reader.readAsDataURL(file);
}

function onPicture(message) {
  if (!message || message.number !== state.awaited) return;
  stage.classList.remove("busy");
  if (message.error) {
    say("");
    complain(message.error);
    return;
  }
  window.segue.stopped();
  state.picture = message;
  state.entries.clear();
  answers().replaceChildren();
  setRegion(null);
  show(null);
  picture.src = message.url;
  picture.alt = message.name;
  picture.hidden = false;
  find(".segue-empty").hidden = true;
  stage.style.setProperty("--ratio", message.width / message.height);
  stage.classList.add("filled");
  say(`${message.name}, ${message.width} × ${message.height}`);
  suggest(message.questions);
}

function suggest(questions) {
  if (!questions.length) return;
  const row = make("div", "segue-suggestions");
  for (const text of questions) row.append(button(text, "segue-suggestion", () => askFor(text)));
  answers().append(row);
}

function askFor(text) {
  const field = document.querySelector("#segue-question textarea, #segue-question input");
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  setTimeout(() => document.querySelector("#segue-ask").click(), 50);
}

// -- questions and answers ---------------------------------------------------------

const answers = () => document.querySelector(".segue-answers");
const frame = () => document.querySelector("#segue-main");

function begin(question) {
  if (state.running) { say("one question at a time: the last is still being answered"); return null; }
  complain("");
  if (!state.picture) { complain("give a picture first: drop one, paste one, or take an example"); return null; }
  const told = question === null ? (state.region ? "Describe this region." : "Describe this picture.") : question.trim();
  if (!told) { complain("the question is empty; ask something, for example: Where is the cat?"); return null; }
  const entry = { number: state.next++, started: performance.now(), maps: [], answer: null };
  entry.card = make("article", "segue-card running");
  entry.card.dataset.entry = entry.number;
  entry.card.append(make("p", "segue-asked", told));
  if (state.region) entry.card.append(make("p", "segue-note", `about the region ${regionText()}`));
  entry.text = make("p", "segue-text");
  entry.stage = make("p", "segue-progress", "sending the question");
  entry.card.append(entry.text, entry.stage);
  answers().prepend(entry.card);
  entry.timer = setInterval(() => progress(entry), 200);
  state.entries.set(entry.number, entry);
  state.running = entry;
  frame().classList.add("segue-running");
  if (question !== null) {
    const field = document.querySelector("#segue-question textarea, #segue-question input");
    setTimeout(() => { field.value = ""; field.dispatchEvent(new Event("input", { bubbles: true })); }, 50);
  }
  return { entry: entry.number, picture: state.picture.number, region: state.region };
}

function progress(entry) {
  const gone = (performance.now() - entry.started) / 1000;
  entry.stage.textContent = `${entry.doing || "sending the question"} ... ${gone.toFixed(1)} s`;
}

function end(entry) {
  clearInterval(entry.timer);
  entry.card.classList.remove("running");
  if (state.running === entry) {
    state.running = null;
    frame().classList.remove("segue-running");
  }
}

function stopped() {
  const entry = state.running;
  if (!entry) return;
  end(entry);
  entry.stage.textContent = "stopped";
}

// An event of gradio's ended badly: the connection broke, or the server turned it away. A stop ends so too.
function failed(what) {
  const entry = state.running;
  if (what === "answer" && !entry) return;
  if (what === "answer") {
    end(entry);
    entry.stage.textContent = "";
  }
  stage.classList.remove("busy");
  say("");
  complain("the server could not be reached, or had no room; try again in a moment");
}

async function onAnswer(message) {
  const entry = message && state.entries.get(message.entry);
  if (!entry || state.picture.number !== message.picture || entry.answer) return;
  if (entry !== state.running) return; // stopped
  if (message.stage) {
    entry.doing = message.stage;
    if (message.text) entry.text.textContent = message.text;
    progress(entry);
  } else if (message.error) {
    end(entry);
    entry.stage.textContent = "";
    const told = make("p", "segue-failed", message.error[0].toUpperCase() + message.error.slice(1) + ".");
    told.setAttribute("role", "alert");
    entry.card.append(told);
  } else if (message.answer) {
    entry.answer = message.answer;
    entry.maps = await Promise.all(message.answer.segments.map((segment) => readLevels(segment.levels)));
    end(entry);
    fill(entry);
    show(entry);
    entry.card.classList.add("done");
  }
}

function readLevels(url) {
  if (!url) return null;
  return new Promise((resolve) => {
    const image = new Image();
    image.onload = () => {
      const canvas = make("canvas");
      canvas.width = image.width;
      canvas.height = image.height;
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(image, 0, 0);
      const rgba = context.getImageData(0, 0, image.width, image.height).data;
      const levels = new Uint8Array(image.width * image.height);
      for (let i = 0; i < levels.length; i++) levels[i] = rgba[4 * i];
      resolve({ width: image.width, height: image.height, levels });
    };
    image.onerror = () => resolve(null);
    image.src = url;
  });
}

function fill(entry) {
  const { answer, card } = entry;
  const text = make("p", "segue-text");
  for (const piece of pieces(answer)) text.append(pieceNode(entry, piece));
  if (!answer.text) text.append(make("i", "", "(no words)"));
  entry.text.replaceWith(text);
  entry.text = text;
  if (answer.segments.length) {
    entry.legend = make("ul", "segue-legend");
    answer.segments.forEach((segment, i) => entry.legend.append(legendNode(entry, segment, i)));
    text.after(entry.legend);
  }
  for (const note of answer.notes) card.append(make("p", "segue-note", note));
  if (answer.segments.some((segment) => segment.levels) && !answer.adjustable) {
    card.append(make("p", "segue-note", "these masks have no probabilities: the threshold does not change them"));
  }
  const t = answer.timing_ms;
  const looked = answer.cached ? "picture already seen" : `looked ${seconds(t.encode)}`;
  const total = t.encode + t.generate + t.masks;
  entry.stage.textContent = `${looked}, answered in ${seconds(total)} · ${answer.model}`;
  entry.stage.dataset.cached = answer.cached;
  entry.stage.dataset.encode = t.encode;
  const actions = make("div", "segue-actions");
  if (answer.words.some((word) => word.point)) {
    entry.play = button("▶ Play the words", "segue-play", () => play(entry));
    actions.append(entry.play);
  }
  const save = (format) => () => {
    say("making the file ...");
    trigger("save", { entry: entry.number, format, threshold: state.threshold });
  };
  for (const format of ["png", "json", "coco"]) {
    const node = button(format.toUpperCase(), `segue-save segue-save-${format}`, save(format));
    node.title = `Download this answer as ${format.toUpperCase()}`;
    actions.append(node);
  }
  card.append(entry.stage, actions);
  card.addEventListener("click", () => show(entry));
  card.addEventListener("focusin", () => show(entry));
}

// The text cut where a phrase or a word begins or ends; where phrases overlap the later one shows. Spans count
// code points, as Python does.
function pieces(answer) {
  const points = Array.from(answer.text);
  const phrase = new Array(points.length).fill(-1), word = new Array(points.length).fill(-1);
  answer.segments.forEach((segment, i) => phrase.fill(i, ...segment.span));
  answer.words.forEach((one, i) => word.fill(i, ...one.span));
  const found = [];
  for (let i = 0; i < points.length; i++) {
    const last = found[found.length - 1];
    if (!last || last.phrase !== phrase[i]) found.push({ phrase: phrase[i], words: [{ word: word[i], text: points[i] }] });
    else {
      const inner = last.words[last.words.length - 1];
      if (inner.word === word[i]) inner.text += points[i];
      else last.words.push({ word: word[i], text: points[i] });
    }
  }
  return found;
}

function pieceNode(entry, piece) {
  const segment = entry.answer.segments[piece.phrase];
  let node = make("span");
  if (segment) {
    node = make(segment.rejected ? "del" : "mark", "segue-phrase");
    node.dataset.segment = piece.phrase;
    node.tabIndex = 0;
    if (segment.rejected) {
      node.classList.add("rejected");
      node.setAttribute("aria-label", `${segment.phrase}: not in this picture, ${percent(segment.score)}`);
    } else {
      node.style.setProperty("--color", segment.color);
      node.setAttribute("aria-label", `${segment.phrase}, ${percent(segment.score)}`);
    }
    warmOnTouch(entry, node, piece.phrase);
  }
  for (const { word, text } of piece.words) {
    const inner = make("span", word < 0 ? "" : "segue-word", text);
    if (word >= 0) inner.dataset.word = word;
    node.append(inner);
  }
  if (!segment || !segment.rejected) return node;
  const both = document.createDocumentFragment();
  both.append(node, make("small", "segue-score", ` absent, ${percent(segment.score)}`));
  return both;
}

function legendNode(entry, segment, i) {
  const node = make("li", "segue-entry" + (segment.rejected ? " rejected" : ""));
  node.dataset.segment = i;
  node.style.setProperty("--color", segment.color);
  node.append(make("span", "segue-swatch"), make(segment.rejected ? "del" : "span", "", segment.phrase || "(no phrase)"));
  node.append(make("small", "segue-score", segment.rejected ? `not in this picture, ${percent(segment.score)}` : percent(segment.score)));
  warmOnTouch(entry, node, i);
  return node;
}

function warmOnTouch(entry, node, i) {
  const warm = () => { show(entry); heat(i); };
  const cool = () => { if (state.shown === entry && state.hot === i) heat(-1); };
  for (const name of ["pointerenter", "focus"]) node.addEventListener(name, warm);
  for (const name of ["pointerleave", "blur"]) node.addEventListener(name, cool);
}

// -- masks -------------------------------------------------------------------------

function show(entry) {
  if (state.shown === entry) return;
  cancelTrace();
  state.shown = entry;
  state.hot = -1;
  for (const card of answers().querySelectorAll(".segue-card")) {
    card.classList.toggle("shown", !!entry && card === entry.card);
  }
  paint();
}

function heat(i) {
  if (state.hot === i) return;
  state.hot = i;
  const card = state.shown && state.shown.card;
  if (card) {
    for (const node of card.querySelectorAll("[data-segment]")) {
      node.classList.toggle("hot", Number(node.dataset.segment) === i);
    }
  }
  paint();
}

const cut = () => Math.round(state.threshold * 255);

function paint() {
  const entry = state.shown;
  const map = entry && entry.maps.find(Boolean);
  const boxes = entry && entry.answer ? entry.answer.segments.filter((s) => s.bbox && !s.levels) : [];
  label.hidden = true;
  if (!map && !boxes.length) { maskCanvas.width = maskCanvas.height = 1; return; }
  const { picture: whole } = state;
  const width = map ? map.width : whole.width, height = map ? map.height : whole.height;
  maskCanvas.width = width;
  maskCanvas.height = height;
  const context = maskCanvas.getContext("2d");
  const image = context.createImageData(width, height);
  const order = entry.answer.segments.map((_, i) => i).filter((i) => entry.maps[i] && i !== state.hot);
  if (entry.maps[state.hot]) order.push(state.hot); // on top
  for (const i of order) paintMask(image, entry.maps[i], rgbOf(entry.answer.segments[i].color), i);
  context.putImageData(image, 0, 0);
  const scale = width / whole.width;
  for (const segment of boxes) {
    context.strokeStyle = segment.color;
    context.lineWidth = Math.max(2, width / 250);
    context.strokeRect(...segment.bbox.map((value) => value * scale));
  }
  const hot = entry.answer.segments[state.hot];
  if (hot && !hot.rejected) placeLabel(hot, entry.maps[state.hot]);
}

function paintMask(image, map, [red, green, blue], i) {
  const { width, height, levels } = map, { data } = image, limit = cut();
  const inside = (x, y) => x >= 0 && y >= 0 && x < width && y < height && levels[y * width + x] > limit;
  const alpha = state.hot === i ? 165 : state.hot < 0 ? 105 : 25;
  const edge = state.hot === i || state.hot < 0 ? 255 : 110;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (levels[y * width + x] <= limit) continue;
      const border = !inside(x - 1, y) || !inside(x + 1, y) || !inside(x, y - 1) || !inside(x, y + 1);
      const at = 4 * (y * width + x);
      // Where masks lie over each other their colours mix; an outline and the lit mask show as they are.
      const share = data[at + 3] && !border && state.hot !== i ? 0.5 : 1;
      data[at] += (red - data[at]) * share;
      data[at + 1] += (green - data[at + 1]) * share;
      data[at + 2] += (blue - data[at + 2]) * share;
      data[at + 3] = border ? edge : alpha;
    }
  }
}

function rgbOf(color) { return [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16)); }

function placeLabel(segment, map) {
  const rect = picture.getBoundingClientRect(), frame = stage.getBoundingClientRect();
  let [x, y] = segment.bbox ? [segment.bbox[0] + segment.bbox[2] / 2, segment.bbox[1]] : [0, 0];
  [x, y] = [x * rect.width / state.picture.width, y * rect.height / state.picture.height];
  label.textContent = `${segment.phrase} ${percent(scoreAt(segment, map))}`;
  label.style.setProperty("--color", segment.color);
  label.style.left = `${Math.min(Math.max(x, 50), rect.width - 50) + rect.left - frame.left}px`;
  label.style.top = `${Math.max(y, 22) + rect.top - frame.top}px`;
  label.hidden = !map && !segment.bbox;
}

function scoreAt(segment, map) {
  if (!map || state.threshold === 0.5) return segment.score;
  let sum = 0, count = 0;
  for (const level of map.levels) if (level > cut()) { sum += level; count++; }
  return count ? sum / count / 255 : 0;
}

function setThreshold(value) {
  state.threshold = value;
  for (const entry of state.entries.values()) {
    if (!entry.answer || !entry.answer.adjustable || !entry.legend) continue;
    entry.answer.segments.forEach((segment, i) => {
      if (segment.rejected) return;
      entry.legend.children[i].querySelector(".segue-score").textContent = percent(scoreAt(segment, entry.maps[i]));
    });
  }
  paint();
}

// The segment under a place of the picture: the smallest, where several lie over each other.
function segmentAt([x, y]) {
  const entry = state.shown;
  if (!entry || !entry.answer) return -1;
  let best = -1, least = Infinity;
  entry.answer.segments.forEach((segment, i) => {
    const map = entry.maps[i];
    if (!map) return;
    const column = Math.min(map.width - 1, Math.floor(x * map.width / state.picture.width));
    const row = Math.min(map.height - 1, Math.floor(y * map.height / state.picture.height));
    if (map.levels[row * map.width + column] > cut() && segment.area < least) { best = i; least = segment.area; }
  });
  return best;
}

// -- pointer, regions, keys --------------------------------------------------------

function placeOf(event) {
  const rect = picture.getBoundingClientRect();
  const { width, height } = state.picture;
  const clamp = (value, most) => Math.min(Math.max(value, 0), most);
  return [clamp((event.clientX - rect.left) / rect.width * width, width),
          clamp((event.clientY - rect.top) / rect.height * height, height)];
}

function setTool(tool) {
  state.tool = tool;
  stage.dataset.tool = tool;
  for (const node of element.querySelectorAll(".segue-tool")) {
    const on = node.dataset.tool === tool;
    node.setAttribute("aria-checked", on);
    node.tabIndex = on ? 0 : -1;
  }
  find(".segue-help").textContent = HELP[tool];
  state.cursor = state.corner = null;
  crossMark.hidden = true;
  if (tool !== "look") heat(-1);
}

// Models read boxes: a point becomes a box around it, which is shown.
function boxAround([x, y]) {
  const { width, height } = state.picture, half = Math.min(width, height) / 8;
  return [x - half, y - half, x + half, y + half];
}

function setRegion(box) {
  const { picture: whole } = state;
  if (box) {
    const [x0, x1] = [box[0], box[2]].sort((a, b) => a - b), [y0, y1] = [box[1], box[3]].sort((a, b) => a - b);
    box = [Math.max(0, x0), Math.max(0, y0), Math.min(whole.width, x1), Math.min(whole.height, y1)]
      .map((value) => Math.round(value * 10) / 10);
    if (box[2] - box[0] < 1 || box[3] - box[1] < 1) box = null;
  }
  state.region = box;
  boxMark.hidden = !box;
  find(".segue-clear").hidden = !box;
  find(".segue-region").textContent = box ? `region ${regionText()}` : "";
  const describe = document.querySelector("#segue-describe");
  if (describe) describe.textContent = box ? "Describe the region" : "Describe";
  if (!box) return;
  boxMark.style.left = percentOf(box[0], whole.width);
  boxMark.style.top = percentOf(box[1], whole.height);
  boxMark.style.width = percentOf(box[2] - box[0], whole.width);
  boxMark.style.height = percentOf(box[3] - box[1], whole.height);
}

const percentOf = (value, whole) => `${100 * value / whole}%`;
const regionText = () => state.region.map((value) => Math.round(value)).join(", ");

stage.addEventListener("pointermove", (event) => {
  if (!state.picture) return;
  if (state.tool === "look") heat(segmentAt(placeOf(event)));
  else if (state.tool === "box" && state.corner && event.buttons) setRegion([...state.corner, ...placeOf(event)]);
});
stage.addEventListener("pointerleave", () => { if (state.tool === "look") heat(-1); });
stage.addEventListener("pointerdown", (event) => {
  if (!state.picture || event.button !== 0) return;
  if (state.tool === "look") heat(segmentAt(placeOf(event)));
  else {
    event.preventDefault();
    stage.focus({ preventScroll: true });
    if (state.tool === "point") setRegion(boxAround(placeOf(event)));
    else {
      stage.setPointerCapture(event.pointerId);
      state.corner = placeOf(event);
    }
  }
});
stage.addEventListener("pointerup", (event) => {
  if (state.tool !== "box" || !state.corner) return;
  setRegion([...state.corner, ...placeOf(event)]);
  state.corner = null;
});

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

stage.addEventListener("keydown", (event) => {
  if (!state.picture) return;
  if (event.key === "Escape") { setRegion(null); setTool(state.tool); heat(-1); return; }
  const arrow = ARROWS[event.key];
  if (state.tool === "look") {
    if (arrow) { event.preventDefault(); step(arrow[0] + arrow[1]); }
    return;
  }
  const { width, height } = state.picture;
  if (arrow) {
    event.preventDefault();
    const [x, y] = state.cursor || [width / 2, height / 2], far = Math.max(width, height) / (event.shiftKey ? 10 : 50);
    state.cursor = [Math.min(Math.max(x + arrow[0] * far, 0), width), Math.min(Math.max(y + arrow[1] * far, 0), height)];
    crossMark.hidden = false;
    crossMark.style.left = percentOf(state.cursor[0], width);
    crossMark.style.top = percentOf(state.cursor[1], height);
    if (state.corner) setRegion([...state.corner, ...state.cursor]);
  } else if ((event.key === "Enter" || event.key === " ") && state.cursor) {
    event.preventDefault();
    if (state.tool === "point") setRegion(boxAround(state.cursor));
    else if (!state.corner) state.corner = state.cursor;
    else state.corner = null; // the box is there already
  }
});

function step(by) {
  const entry = state.shown;
  if (!entry || !entry.answer) return;
  const lit = entry.answer.segments.map((_, i) => i).filter((i) => entry.maps[i]);
  if (!lit.length) return;
  const at = lit.indexOf(state.hot);
  heat(lit[(at < 0 ? (by > 0 ? 0 : lit.length - 1) : at + by + lit.length) % lit.length]);
}

// -- the word trace ----------------------------------------------------------------

const WORD_MS = 450;
const STOPS = [[120, 60, 200], [40, 150, 200], [60, 200, 110], [250, 220, 50]];

function traceColor(t) {
  const at = Math.min(Math.max(t, 0), 1) * (STOPS.length - 1), low = Math.min(Math.floor(at), STOPS.length - 2);
  const mixed = STOPS[low].map((a, i) => Math.round(a + (STOPS[low + 1][i] - a) * (at - low)));
  return `rgb(${mixed.join(",")})`;
}

function cancelTrace() {
  cancelAnimationFrame(state.playing);
  state.playing = 0;
  traceCanvas.width = traceCanvas.height = 1;
  for (const node of document.querySelectorAll(".segue-word.spoken")) node.classList.remove("spoken");
  for (const node of document.querySelectorAll(".segue-play")) node.textContent = "▶ Play the words";
}

function play(entry) {
  const wasPlaying = state.playing;
  show(entry);
  cancelTrace();
  if (wasPlaying && entry.isPlaying) { entry.isPlaying = false; return; }
  entry.isPlaying = true;
  entry.play.textContent = "■ Stop";
  const words = entry.answer.words.map((word, i) => ({ ...word, i })).filter((word) => word.point);
  const rect = picture.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
  traceCanvas.width = rect.width * ratio;
  traceCanvas.height = rect.height * ratio;
  const sx = traceCanvas.width / state.picture.width, sy = traceCanvas.height / state.picture.height;
  const points = words.map((word) => [word.point[0] * sx, word.point[1] * sy]);
  const began = performance.now();
  const advance = (now) => {
    const at = Math.max(0, now - began) / WORD_MS, reached = Math.min(Math.floor(at), words.length - 1);
    const part = calm.matches ? 0 : Math.min(1, Math.max(0, at - reached));
    drawTrace(points, reached, reached < words.length - 1 ? part : 0, 2.2 * ratio);
    for (const node of entry.text.querySelectorAll(".segue-word")) {
      node.classList.toggle("spoken", Number(node.dataset.word) === words[reached].i);
    }
    if (at < words.length) { state.playing = requestAnimationFrame(advance); return; }
    state.playing = 0;
    entry.isPlaying = false;
    entry.play.textContent = "▶ Play the words";
    for (const node of entry.text.querySelectorAll(".segue-word.spoken")) node.classList.remove("spoken");
  };
  state.playing = requestAnimationFrame(advance);
}

function drawTrace(points, reached, part, stroke) {
  const context = traceCanvas.getContext("2d"), last = Math.max(1, points.length - 1);
  context.clearRect(0, 0, traceCanvas.width, traceCanvas.height);
  context.lineCap = "round";
  const between = ([ax, ay], [bx, by], t) => [ax + (bx - ax) * t, ay + (by - ay) * t];
  for (const [width, color] of [[stroke * 2.2, () => "rgba(15,15,18,.85)"], [stroke, traceColor]]) {
    context.lineWidth = width;
    for (let i = 0; i < reached + (part ? 1 : 0); i++) {
      context.strokeStyle = color((i + 1) / last);
      context.beginPath();
      context.moveTo(...points[i]);
      context.lineTo(...(i < reached ? points[i + 1] : between(points[i], points[i + 1], part)));
      context.stroke();
    }
    const head = part ? between(points[reached], points[reached + 1], part) : points[reached];
    for (const [i, point] of [...points.slice(0, reached + 1).entries(), [reached, head]]) {
      context.fillStyle = color(i / last);
      context.beginPath();
      context.arc(...point, width * (point === head ? 1.8 : 1.1), 0, 7);
      context.fill();
    }
  }
}

// -- files -------------------------------------------------------------------------

async function onFile(message) {
  if (!message) return;
  say("");
  if (message.error) { complain(message.error); return; }
  const blob = await (await fetch(message.url)).blob();
  const link = make("a");
  link.href = URL.createObjectURL(blob);
  link.download = message.file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  say(`saved ${message.file}`);
}

// -- ways in -----------------------------------------------------------------------

const fileInput = find(".segue-file");
find(".segue-open").addEventListener("click", () => fileInput.click());
fileInput.addEventListener("change", () => { takeFile(fileInput.files[0]); fileInput.value = ""; });
for (const node of element.querySelectorAll(".segue-example")) {
  node.addEventListener("click", () => sendPicture({ bundled: Number(node.dataset.bundled) }, "opening the picture ..."));
}
for (const node of element.querySelectorAll(".segue-tool")) {
  node.addEventListener("click", () => setTool(node.dataset.tool));
  node.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (!arrow) return;
    event.preventDefault();
    const all = [...element.querySelectorAll(".segue-tool")];
    const next = all[(all.indexOf(node) + arrow[0] + arrow[1] + all.length) % all.length];
    setTool(next.dataset.tool);
    next.focus();
  });
}
find(".segue-clear").addEventListener("click", () => setRegion(null));
document.addEventListener("dragover", (event) => { event.preventDefault(); stage.classList.add("over"); });
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) stage.classList.remove("over"); });
document.addEventListener("drop", (event) => {
  event.preventDefault();
  stage.classList.remove("over");
  takeFile(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files][0];
  if (!file) return;
  event.preventDefault();
  takeFile(file);
});
new ResizeObserver(() => { if (state.picture) { cancelTrace(); paint(); } }).observe(stage);

window.addEventListener("segue-picture", (event) => onPicture(event.detail));
window.addEventListener("segue-answer", (event) => onAnswer(event.detail));
window.addEventListener("segue-file", (event) => onFile(event.detail));
window.segue = {
  begin,
  stopped,
  failed,
  threshold: setThreshold,
  model: (name) => say(`${name} answers from now on`),
};
setTool("look");
