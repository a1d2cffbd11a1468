// What is seen: the processes and their time, the tree of the files, the events, the details.

const COLOURS = {};
const NAMED = ["changed", "read", "network", "refused", "failed"];
function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of [...NAMED, "process", "process-bad", "text", "quiet", "line", "accent", "panel"]) {
    COLOURS[name] = style.getPropertyValue("--" + name).trim();
  }
}
// Of the events that share a pixel the one that matters most is seen.
const MATTERS = [3, 1, 2, 4, 0];
const chosen = {process: -1, node: -1};
const open = {processes: new Set(), nodes: new Set()};  // the processes that are folded, the nodes that are not

// ---- processes: a row each, with its bar

let processRows = [];
function orderProcesses() {
  processRows = [];
  const waiting = [...ROOTS].reverse();
  while (waiting.length) {
    const one = waiting.pop();
    if (!one.visible) continue;
    processRows.push(one);
    if (!open.processes.has(one.index)) for (let i = one.children.length - 1; i >= 0; i--) waiting.push(one.children[i]);
  }
}
function fillProcess(row, index) {
  const one = processRows[index];
  if (!row.label) {
    row.label = element("span", "label");
    row.canvas = element("canvas", "time");
    row.canvas.setAttribute("aria-hidden", "true");
    row.append(row.label, row.canvas);
  }
  const label = row.label, folded = open.processes.has(one.index);
  const more = one.children.some((child) => child.visible);
  label.replaceChildren();
  label.style.paddingLeft = Math.min(one.depth, 24) * 12 + "px";
  label.append(element("span", more ? "fold" : "fold none", more ? (folded ? "▸" : "▾") : ""));
  label.append(element("span", one.copy ? "program copy" : "program", one.name));
  const bad = one.status ? (one.status < 0 ? "signal " + -one.status : "exit " + one.status) : "";
  if (bad) label.append(element("span", "bad", bad));
  label.append(element("span", "rest", one.command.slice(0, 200)));
  row.title = one.command.slice(0, 600) + "\npid " + one.pid + ", " + endOf(one);
  row.setAttribute("aria-level", one.depth + 1);
  row.setAttribute("aria-label", one.name + ", pid " + one.pid + ", " + endOf(one) + ", " +
    many(SHOWN.processes[one.index], "event", "events"));
  if (more) row.setAttribute("aria-expanded", !folded); else row.removeAttribute("aria-expanded");
  row.setAttribute("aria-selected", chosen.process === one.index);
  row.classList.toggle("chosen", chosen.process === one.index);
  drawProcess(row.canvas, one);
}
function drawProcess(canvas, one) {
  const on = drawingOn(canvas);
  if (!on) return;
  const {drawing, width, height} = on, span = Math.max(1, FILTER.to - FILTER.from);
  const at = (time) => (time - FILTER.from) / span * (width - 2) + 1;
  const left = Math.max(-4, at(one.began)), right = Math.min(width + 4, at(one.ended === null ? LAST : one.ended));
  if (right > 0 && left < width) {
    drawing.fillStyle = one.status ? COLOURS["process-bad"] : COLOURS.process;
    drawing.beginPath();
    drawing.roundRect(left, 4, Math.max(2, right - left), height - 8, 3);
    drawing.fill();
  }
  const best = new Int8Array(Math.ceil(width)).fill(-1);
  for (const event of EVENTS_OF_PROCESS.of(one.index)) {
    if (!SHOWN.mask[event]) continue;
    const x = Math.min(best.length - 1, Math.max(0, Math.floor(at(TIME[event]))));
    if (best[x] < 0 || MATTERS[CATEGORY[event]] > MATTERS[best[x]]) best[x] = CATEGORY[event];
  }
  for (let x = 0; x < best.length; x++) {
    if (best[x] < 0) continue;
    drawing.fillStyle = COLOURS[NAMED[best[x]]];
    drawing.fillRect(x, best[x] === READ || best[x] === FAILED ? 8 : 5, 2, height - (best[x] === READ || best[x] === FAILED ? 16 : 10));
  }
}

// ---- the overview: how much happened when, always of the whole time

function drawOverview() {
  const canvas = $("overview"), on = drawingOn(canvas);
  if (!on) return;
  const {drawing, width, height} = on, floor = height - 16, step = 3;
  const bins = Math.max(1, Math.ceil(width / step)), counts = new Float64Array(bins * CATEGORIES);
  let most = 1;
  const totals = new Float64Array(bins);
  for (let i = 0; i < COUNT; i++) {
    if (!SHOWN.overview[i]) continue;
    const bin = Math.min(bins - 1, Math.floor(TIME[i] / LAST * bins));
    counts[bin * CATEGORIES + CATEGORY[i]]++;
    most = Math.max(most, ++totals[bin]);
  }
  for (let bin = 0; bin < bins; bin++) {
    if (!totals[bin]) continue;
    // The height by the root: where little happened is seen beside where much did.
    const high = Math.max(2, Math.sqrt(totals[bin] / most) * (floor - 4));
    let y = floor;
    for (const category of [READ, CHANGED, NETWORK, REFUSED, FAILED]) {
      const part = counts[bin * CATEGORIES + category] / totals[bin] * high;
      if (!part) continue;
      drawing.fillStyle = COLOURS[NAMED[category]];
      drawing.fillRect(bin * step, y - part, step - 1, part);
      y -= part;
    }
  }
  drawing.fillStyle = COLOURS.line;
  drawing.fillRect(0, floor, width, 1);
  drawing.fillStyle = COLOURS.quiet;
  drawing.font = "11px system-ui, sans-serif";
  const wanted = Math.max(2, Math.floor(width / 110)), raw = LAST / wanted, power = 10 ** Math.floor(Math.log10(raw));
  const tick = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw) || raw;
  for (let time = 0; time <= LAST; time += tick) {
    const x = time / LAST * width, text = time ? duration(time).replace(/\.0+(?= )/, "") : "0";
    if (x + drawing.measureText(text).width > width && time) break;
    drawing.fillRect(Math.round(x), floor, 1, 4);
    drawing.fillText(text, x + 3, height - 3);
  }
  if (FILTER.from > 0 || FILTER.to < LAST) {
    const left = FILTER.from / LAST * width, right = Math.max(left + 1, FILTER.to / LAST * width);
    drawing.globalAlpha = 0.65;
    drawing.fillStyle = COLOURS.panel;
    drawing.fillRect(0, 0, left, floor);
    drawing.fillRect(right, 0, width - right, floor);
    drawing.globalAlpha = 1;
    drawing.fillStyle = COLOURS.accent;
    drawing.fillRect(left - 1, 0, 2, floor);
    drawing.fillRect(right - 1, 0, 2, floor);
  }
}

// ---- files: a row each, directories in which nothing but one directory is on one line

let treeRows = [];
const sorted = new Map();
function childrenOf(node) {
  let found = sorted.get(node);
  if (!found) {
    found = [...CHILDREN.of(node)].sort((a, b) =>
      (CHILDREN.of(b).length > 0) - (CHILDREN.of(a).length > 0) || (NAME[a] < NAME[b] ? -1 : 1));
    sorted.set(node, found);
  }
  return found;
}
function ownShown(node) {
  if (FILTER.only === "left" && DIFFERS.has(node)) return true;
  for (const event of EVENTS_OF_NODE.of(node)) if (SHOWN.mask[event]) return true;
  return false;
}
// The last of the directories that stand on one line with this one.
function endOfLine(node) {
  for (;;) {
    if (ownShown(node)) return node;
    let only = -1;
    for (const child of CHILDREN.of(node)) {
      if (!SHOWN.all[child]) continue;
      if (only >= 0) return node;
      only = child;
    }
    if (only < 0 || !CHILDREN.of(only).length) return node;
    node = only;
  }
}
function orderTree() {
  treeRows = [];
  const waiting = [];
  const put = (nodes, depth) => {
    for (let i = nodes.length - 1; i >= 0; i--) if (SHOWN.all[nodes[i]]) waiting.push([nodes[i], depth]);
  };
  put([...TOPS].sort((a, b) => (CHILDREN.of(b).length > 0) - (CHILDREN.of(a).length > 0)), 0);
  while (waiting.length) {
    const [first, depth] = waiting.pop(), node = endOfLine(first);
    const below = CHILDREN.of(node).some((child) => SHOWN.all[child] > 0);
    treeRows.push({first, node, depth, below});
    if (below && open.nodes.has(node)) put(childrenOf(node), depth + 1);
  }
}
// At the beginning, and for what is looked for: as much as fits is unfolded.
function unfoldTree(most) {
  open.nodes.clear();
  let rows = 0, level = TOPS.filter((node) => SHOWN.all[node]);
  while (level.length) {
    const next = [];
    for (const first of level) {
      const node = endOfLine(first);
      const below = CHILDREN.of(node).filter((child) => SHOWN.all[child] > 0);
      rows++;
      if (!below.length || rows + below.length > most) continue;
      open.nodes.add(node);
      next.push(...below);
    }
    level = next;
  }
}
function lineOf(row) {
  const names = [];
  for (let at = row.node; at >= 0; at = PARENT[at]) { names.push(NAME[at]); if (at === row.first) break; }
  return shown(names.reverse().join("/"));
}
// What was done with a path, each word once, in the order of time: {word: [category, how often]}.
function deedsOf(node) {
  const found = new Map();
  let last = -1;
  for (const event of EVENTS_OF_NODE.of(node)) {
    if (!SHOWN.mask[event]) continue;
    const word = hasOtherPath(event) && OTHER[event] === node && DATA.kinds[KIND[event]] === "rename" ? "renamed to" : wordOf(event);
    const known = found.get(word);
    if (known) known[1]++; else found.set(word, [CATEGORY[event], 1]);
    if (last < 0 || MATTERS[CATEGORY[event]] >= MATTERS[CATEGORY[last]]) last = event;
  }
  return {found, last};
}
function fillTree(row, index) {
  const item = treeRows[index], node = item.node, unfolded = open.nodes.has(node);
  row.replaceChildren();
  const label = element("span", "label");
  label.style.paddingLeft = Math.min(item.depth, 40) * 14 + "px";
  label.append(element("span", item.below ? "fold" : "fold none", item.below ? (unfolded ? "▾" : "▸") : ""));
  const text = lineOf(item) + (item.below ? "/" : "");
  const differs = DIFFERS.get(node);
  if (differs) {
    const sign = element("span", "sign", SIGNS[differs[0]]);
    sign.title = differs[0] + " at the end";
    label.append(sign);
  }
  label.append(element("span", item.below ? "directory" : "file", text || "/"));
  const what = element("span", "deeds"), who = element("span", "who"), when = element("span", "moment");
  const {found, last} = deedsOf(node);
  const said = [];
  if (differs && FILTER.only === "left") {
    found.clear();
    found.set(differs[0], [CHANGED, 1]);
  } else if (differs) said.push(differs[0] + " at the end");
  for (const [word, [category, often]] of found) {
    said.push(word);
    what.append(element("span", "deed " + NAMED[category], often > 1 ? word + " ×" + often : word));
  }
  if (item.below) {
    for (let c = 0; c < CATEGORIES; c++) {
      const number = SHOWN.nodes[node * CATEGORIES + c];
      if (!number) continue;
      const count = element("span", "count " + NAMED[c], number.toLocaleString("en"));
      count.title = number.toLocaleString("en") + " " + NAMED[c] + " in it";
      what.append(count);
      said.push(count.title);
    }
  }
  if (last >= 0) {
    who.textContent = PROCESSES[BY[last]].name;
    when.textContent = moment(TIME[last]);
  }
  if (differs && FILTER.only === "left") who.textContent = differs[2] < 0 ? "" : PROCESSES[differs[2]].name;
  row.append(label, what, who, when);
  row.title = shown(pathOf(node)) || "/";
  row.setAttribute("aria-level", item.depth + 1);
  row.setAttribute("aria-label", row.title + ": " + said.join(", ") + (last >= 0 ? ", by " + who.textContent : ""));
  if (item.below) row.setAttribute("aria-expanded", unfolded); else row.removeAttribute("aria-expanded");
  row.setAttribute("aria-selected", chosen.node === node);
  row.classList.toggle("chosen", chosen.node === node);
}

// ---- events, one by one

function fillEvent(row, event, withProcess, withPath) {
  row.replaceChildren();
  row.append(element("span", "moment", moment(TIME[event])));
  row.append(element("span", "deed " + NAMED[CATEGORY[event]], wordOf(event)));
  const one = PROCESSES[BY[event]];
  if (withProcess) row.append(element("span", "who", one.name + " " + one.pid));
  const path = element("span", "path");
  if (withPath) pathInto(path, pathOf(PATH[event]));
  row.append(path);
  let rest = restOf(event);
  if (!withPath && OTHER[event] === chosen.node && hasOtherPath(event)) rest = "← " + shown(pathOf(PATH[event]));
  if (rest) path.append(element("span", "more", rest));
  row.title = (withPath ? shown(pathOf(PATH[event])) + " " : "") + rest + "\n" + one.command.slice(0, 300);
  row.setAttribute("aria-label", moment(TIME[event]) + " " + one.name + " " + wordOf(event) + " " +
    (withPath ? shown(pathOf(PATH[event])) : "") + " " + rest);
}

// ---- the details of what was chosen

function fact(list, name, ...values) {
  const told = element("dd");
  told.append(...values);
  list.append(element("dt", "", name), told);
}
function linkTo(one) {
  const button = element("button", "link", one.name + " " + one.pid);
  button.type = "button";
  button.title = one.command.slice(0, 300);
  button.addEventListener("click", () => chooseProcess(one.index, true));
  return button;
}
function action(text, does) {
  const button = element("button", "", text);
  button.type = "button";
  button.addEventListener("click", does);
  return button;
}
let history = [], historyIsOf = "";
function showDetails() {
  $("history").classList.toggle("of-node", chosen.node >= 0);
  const facts = $("facts");
  facts.replaceChildren();
  document.body.classList.toggle("detailed", chosen.process >= 0 || chosen.node >= 0);
  if (chosen.process >= 0) detailsOfProcess(facts, PROCESSES[chosen.process]);
  else if (chosen.node >= 0) detailsOfNode(facts, chosen.node);
  else {
    history = [];
    $("count").textContent = "";
    $("details-title").textContent = "Details";
    facts.append(element("p", "notice", "Choose a process, a file or an event, and all that is known of it stands here."));
  }
  lists.history.set(history.length, "");
}
function detailsOfProcess(facts, one) {
  $("details-title").textContent = "Process " + one.pid;
  facts.append(element("p", "words", one.command));
  const list = element("dl");
  const user = (uid) => uid === 0 ? "root (0)" : String(uid);
  fact(list, "Ended", endOf(one));
  fact(list, "Time", moment(one.began) + (one.ended === null ? "" : " for " + duration(one.ended - one.began)));
  if (one.cpu || one.memory) fact(list, "Used", duration(one.cpu) + " of a processor, " + size(one.memory));
  fact(list, "User", user(one.uid));
  fact(list, "Directory", shown(one.cwd) || "?");
  if (PROCESSES[one.parent]) fact(list, "Begun by", linkTo(PROCESSES[one.parent]));
  if (one.children.length) {
    fact(list, "Began", ...one.children.slice(0, 12).map(linkTo),
      ...(one.children.length > 12 ? ["and " + many(one.children.length - 12, "other", "others")] : []));
  }
  const failed = one.programs.filter((program) => program.outcome === "0");
  if (failed.length && failed.length < one.programs.length) {
    fact(list, "Looked in", many(failed.length, "place", "places") + " where it is not");
    list.lastChild.title = failed.map((program) => shown(pathOf(program.path))).join("\n").slice(0, 2000);
  }
  for (const program of one.programs) {
    if (program.outcome === "0" && failed.length < one.programs.length) continue;
    const why = program.errno ? ": " + DATA.errnos[program.errno] : "";
    const said = {0: ` (this failed${why})`, "?": " (tried)"}[program.outcome] || "";
    const cut = program.cut ? " … (cut)" : "";
    const where = program.cwd && program.cwd !== one.cwd ? " in " + shown(program.cwd) : "";
    const who = program.uid !== one.uid ? " as user " + user(program.uid) : "";
    const words = commandOf(program.words) + cut;
    fact(list, "Ran", shown(pathOf(program.path)) + said + where + who,
      ...(words === one.command ? [] : [element("span", "words", words)]));
  }
  facts.append(list);
  const buttons = element("p", "tools");
  buttons.append(action("Only this and what it began", () => narrow({under: one.index})));
  buttons.append(action("Only its time", () => setTime(one.began, one.ended === null ? LAST : one.ended)));
  facts.append(buttons);
  const own = EVENTS_OF_PROCESS.of(one.index);
  history = own.filter((event) => SHOWN.mask[event]);
  historyIsOf = "process";
  $("count").textContent = many(history.length, "event", "events") +
    (own.length > history.length ? ", and " + (own.length - history.length).toLocaleString("en") + " that the filters leave out" : "");
}
function detailsOfNode(facts, node) {
  const path = shown(pathOf(node)) || "/", inside = CHILDREN.of(node).length > 0;
  $("details-title").textContent = inside ? "Directory" : PARENT[node] < 0 && node !== 0 && pathOf(node) ? "Address" : "File";
  facts.append(element("p", "words", path));
  const events = EVENTS_OF_NODE.of(node), list = element("dl"), by = new Map();
  for (const event of events) {
    if (CATEGORY[event] !== CHANGED) continue;
    by.set(BY[event], event);
  }
  const differs = DIFFERS.get(node);
  if (differs) {
    const [kind, source, process] = differs;
    fact(list, "At the end", kind + (source >= 0 ? " from " + shown(pathOf(source)) : "") + (process >= 0 ? " by " : ""),
      ...(process >= 0 ? [linkTo(PROCESSES[process])] : []));
  }
  if (by.size) {
    const last = [...by.entries()].sort((a, b) => a[1] - b[1]).slice(-8).reverse();
    fact(list, "Changed by", ...last.map(([process]) => linkTo(PROCESSES[process])),
      ...(by.size > 8 ? ["and " + many(by.size - 8, "other", "others")] : []));
  }
  if (inside) {
    const told = NAMED.map((name, c) => [SHOWN.nodes[node * CATEGORIES + c], name]).filter(([n]) => n);
    fact(list, "In it", told.map(([n, name]) => n.toLocaleString("en") + " " + name).join(", ") || "nothing that is shown");
  }
  facts.append(list);
  if (inside) {
    const buttons = element("p", "tools");
    buttons.append(action("Only what is in it", () => narrow({below: node})));
    facts.append(buttons);
  }
  history = events;
  historyIsOf = "node";
  $("count").textContent = events.length ? "Its history: " + many(events.length, "event", "events") : "Nothing was done with the directory itself.";
}
