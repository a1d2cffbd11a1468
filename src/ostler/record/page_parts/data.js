"use strict";
// What was recorded, as typed columns, and which of it is shown. Nothing here draws anything.

const DATA = JSON.parse(document.getElementById("data").textContent);
const ABOUT = DATA.about;
const CHANGED = 0, READ = 1, NETWORK = 2, REFUSED = 3, FAILED = 4, CATEGORIES = 5;
const COUNT = DATA.events.kind.length;

// Names are what programs made them: what is not to be seen, or turns the direction of a line,
// stands escaped, as on a terminal; and so does a byte that is no text.
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;
function escaped(letter) {
  const code = letter.codePointAt(0);
  if (code >= 0xdc80 && code <= 0xdcff) return "\\x" + (code - 0xdc00).toString(16);
  const named = {9: "\\t", 10: "\\n", 13: "\\r"}[code];
  if (named) return named;
  if (code < 0x100) return "\\x" + code.toString(16).padStart(2, "0");
  if (code < 0x10000) return "\\u" + code.toString(16).padStart(4, "0");
  return "\\U" + code.toString(16).padStart(8, "0");
}
function shown(text) { return text.replace(UNSEEN, escaped); }
function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : "'" + word.replaceAll("'", "'\"'\"'") + "'";
}
function commandOf(words) { return shown(words.map(quoted).join(" ")); }

// ---- paths: a tree, each node behind its parent

const [PARENT, NAME] = [Int32Array.from(DATA.nodes[0]), DATA.nodes[1]];
const NODES = NAME.length;
const USUAL = new Uint8Array(NODES);
for (const node of DATA.usual) USUAL[node] = 1;

const texts = new Array(NODES);
function pathOf(node) {
  if (texts[node] !== undefined) return texts[node];
  const names = [];
  let at = node;
  for (; at >= 0 && texts[at] === undefined; at = PARENT[at]) names.push(NAME[at]);
  names.reverse();
  return texts[node] = (at >= 0 ? texts[at] + "/" : "") + names.join("/");
}

// Lists of numbers by number: those of n are list[start[n]] to list[start[n + 1] - 1].
function grouped(size, pairs) {
  const start = new Int32Array(size + 1);
  pairs((key) => { start[key + 1]++; });
  for (let i = 0; i < size; i++) start[i + 1] += start[i];
  const list = new Int32Array(start[size]), next = start.slice();
  pairs((key, value) => { list[next[key]++] = value; });
  return {of: (key) => list.subarray(start[key], start[key + 1])};
}
const CHILDREN = grouped(NODES, (put) => {
  for (let i = 0; i < NODES; i++) if (PARENT[i] >= 0) put(PARENT[i], i);
});
const TOPS = [];
for (let i = 0; i < NODES; i++) if (PARENT[i] < 0) TOPS.push(i);

// ---- processes

const PROCESSES = DATA.processes.map((row, index) => {
  const [pid, parent, uid, cwd, began, ended, status, cpu, memory, programs] = row;
  return {
    index, pid, parent, uid, cwd, began, ended, status, cpu, memory, children: [], depth: 0,
    programs: programs.map(([time, path, words, at, outcome, cut, user, errno]) =>
      ({time, path, words, cwd: at, outcome, cut, uid: user, errno})),
  };
});
const ROOTS = [];
for (const one of PROCESSES) {
  const parent = PROCESSES[one.parent];
  if (parent) { parent.children.push(one); one.depth = parent.depth + 1; } else ROOTS.push(one);
  const own = one.programs.filter((program) => program.outcome !== "0").at(-1);
  one.program = own || (parent && parent.program) || one.programs.at(-1);
  one.copy = !own && Boolean(parent);  // it runs what its parent ran
  one.command = one.program ? commandOf(one.program.words) || shown(pathOf(one.program.path)) : "?";
  one.name = one.program ? shown((one.program.words[0] || pathOf(one.program.path)).split("/").at(-1)) : "?";
}
function endOf(one) {
  if (one.status !== null && one.status < 0) return "killed by signal " + -one.status;
  if (one.status) return "exit status " + one.status;
  if (one.ended === null) return "still running";
  return one.status === null ? "its end is unknown" : "exit status 0";
}

// ---- events

const TIME = new Float64Array(COUNT), CATEGORY = new Uint8Array(COUNT), KIND = new Uint8Array(COUNT);
const BY = Int32Array.from(DATA.events.process), PATH = Int32Array.from(DATA.events.path);
const OTHER = new Int32Array(COUNT).fill(-1), EXPECTED = new Uint8Array(COUNT);
for (const index in DATA.events.other) OTHER[index] = DATA.events.other[index];
let LAST = 1;
{
  const changes = new Set(DATA.changing), network = new Set(DATA.network);
  const devices = new Set(DATA.devices), written = new Set(["write", "truncate"]);
  const sort = DATA.kinds.map((kind) => changes.has(kind) ? CHANGED : network.has(kind) ? NETWORK : READ);
  let time = 0;
  for (let i = 0; i < COUNT; i++) {
    TIME[i] = time += DATA.events.time[i];
    KIND[i] = DATA.events.kind.charCodeAt(i) - 96;
    CATEGORY[i] = sort[KIND[i]];
    // What is written to /dev/null or to a terminal changes no file.
    if (devices.has(PATH[i]) && written.has(DATA.kinds[KIND[i]])) {
      CATEGORY[i] = READ;
      EXPECTED[i] = 1;
    }
    if (DATA.events.outcome[i] === "0") {
      CATEGORY[i] = DATA.refused.includes(DATA.events.errno[i]) ? REFUSED : FAILED;
      // Of a change that failed for no known reason the story tells, and of connections that were not
      // had; what was not there is usual.
      const number = DATA.events.errno[i], kind = sort[KIND[i]];
      const told = kind === NETWORK ? number !== DATA.missing : kind === CHANGED && !number;
      EXPECTED[i] = CATEGORY[i] === FAILED && !told ? 1 : 0;
    }
    if (time > LAST) LAST = time;
  }
  for (const one of PROCESSES) LAST = Math.max(LAST, one.ended || 0, one.began);
}
// Whether `other` is a name on the machine, and not the text of a link.
function hasOtherPath(event) {
  return OTHER[event] >= 0 && DATA.kinds[KIND[event]] !== "symlink";
}
const EVENTS_OF_PROCESS = grouped(PROCESSES.length, (put) => {
  for (let i = 0; i < COUNT; i++) put(BY[i], i);
});
const EVENTS_OF_NODE = grouped(NODES, (put) => {
  for (let i = 0; i < COUNT; i++) {
    put(PATH[i], i);
    if (hasOtherPath(i) && OTHER[i] !== PATH[i]) put(OTHER[i], i);
  }
});
// What was done in a word, as the story on the terminal has it.
function wordOf(event) {
  const word = DATA.words[DATA.kinds[KIND[event]]];
  const outcome = DATA.events.outcome[event];
  if (outcome === "0") return (CATEGORY[event] === REFUSED ? "refused: " : "failed: ") + word;
  const tried = DATA.tried[DATA.kinds[KIND[event]]];
  if (outcome === "?" && tried) return "tried to " + tried;
  return outcome === "?" && CATEGORY[event] === CHANGED ? "tried: " + word : word;
}
function restOf(event) {
  const kind = DATA.kinds[KIND[event]], found = [];
  if (OTHER[event] >= 0) found.push((kind === "link" ? "as " : "→ ") + shown(pathOf(OTHER[event])));
  if (kind === "mode") found.push((DATA.events.value[event] & 0o7777).toString(8));
  const number = DATA.events.errno[event];
  if (number) found.push("(" + DATA.errnos[number] + ")");
  if (DATA.events.doubt[event]) found.push("(in doubt)");
  return found.join(" ");
}

// What differs at the end, on a rehearsal: {node: [kind, source, process]}.
const DIFFERS = new Map(DATA.changes.map(([node, ...rest]) => [node, rest]));
const SIGNS = {created: "+", modified: "~", removed: "-", renamed: ">", retyped: "!", metadata: "·"};

// ---- which are shown

const FILTER = {only: "all", usual: false, path: "", program: "", below: -1, under: -1, from: 0, to: LAST};
const ONLY = {written: CHANGED, read: READ, network: NETWORK, refused: REFUSED};
// What was found: the events, and for each node and process how many there and below it.
const SHOWN = {
  events: new Int32Array(0), mask: new Uint8Array(COUNT), version: 0,
  nodes: new Int32Array(NODES * CATEGORIES), all: new Int32Array(NODES),
  processes: new Int32Array(PROCESSES.length),
};
function isNarrowed() {
  return FILTER.only !== "all" || FILTER.path || FILTER.program || FILTER.below >= 0 || FILTER.under >= 0 ||
    FILTER.from > 0 || FILTER.to < LAST;
}
function matcher(text) {
  text = text.toLowerCase();
  if (!text.includes("*")) return (value) => value.toLowerCase().includes(text);
  const pattern = text.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&")).join(".*");
  const regular = new RegExp("^" + pattern + "$", "su");
  return (value) => regular.test(value.toLowerCase());
}
function chosenNodes() {
  if (!FILTER.path && FILTER.below < 0) return null;
  const found = new Uint8Array(NODES), matches = FILTER.path ? matcher(FILTER.path) : () => true;
  const below = new Uint8Array(NODES);
  for (let i = 0; i < NODES; i++) {
    below[i] = FILTER.below < 0 || i === FILTER.below || (PARENT[i] >= 0 && below[PARENT[i]]) ? 1 : 0;
    if (below[i] && matches(pathOf(i))) found[i] = 1;
  }
  return found;
}
function chosenProcesses() {
  if (!FILTER.program && FILTER.under < 0) return null;
  const found = new Uint8Array(PROCESSES.length), under = new Uint8Array(PROCESSES.length);
  const matches = FILTER.program ? matcher(FILTER.program) : () => true;
  for (const one of PROCESSES) {
    const i = one.index;
    under[i] = FILTER.under < 0 || i === FILTER.under || (one.parent >= 0 && under[one.parent]) ? 1 : 0;
    if (under[i] && (String(one.pid) === FILTER.program || matches(one.name) || matches(one.command))) found[i] = 1;
  }
  return found;
}
function applyFilter() {
  const nodes = chosenNodes(), processes = chosenProcesses();
  const left = FILTER.only === "left", only = FILTER.only === "all" ? -1 : left ? CHANGED : ONLY[FILTER.only];
  const {mask, all, nodes: counts} = SHOWN;
  const list = new Int32Array(COUNT);
  let size = 0;
  mask.fill(0); counts.fill(0); all.fill(0); SHOWN.processes.fill(0);
  for (let i = 0; i < COUNT; i++) {
    const category = CATEGORY[i], path = PATH[i];
    if (only >= 0 && category !== only) continue;
    if (!FILTER.usual && (EXPECTED[i] || (category === READ && USUAL[path]))) continue;
    if (TIME[i] < FILTER.from || TIME[i] > FILTER.to) continue;
    if (processes && !processes[BY[i]]) continue;
    const second = hasOtherPath(i) && OTHER[i] !== path ? OTHER[i] : -1;
    if (left && !DIFFERS.has(path) && (second < 0 || !DIFFERS.has(second))) continue;
    if (nodes && !nodes[path] && (second < 0 || !nodes[second])) continue;
    mask[i] = 1;
    list[size++] = i;
    SHOWN.processes[BY[i]]++;
    if (left) continue;
    counts[path * CATEGORIES + category]++; all[path]++;
    if (second >= 0) { counts[second * CATEGORIES + category]++; all[second]++; }
  }
  // What differs is shown itself, also where only a directory above it was renamed.
  for (const [node, [, , process]] of left ? DIFFERS : []) {
    if ((nodes && !nodes[node]) || (processes && !(process >= 0 && processes[process]))) continue;
    counts[node * CATEGORIES + CHANGED]++; all[node]++;
  }
  for (let i = NODES - 1; i >= 0; i--) {  // whatever is in a directory comes behind it
    const parent = PARENT[i];
    if (parent < 0 || !all[i]) continue;
    all[parent] += all[i];
    for (let c = 0; c < CATEGORIES; c++) counts[parent * CATEGORIES + c] += counts[i * CATEGORIES + c];
  }
  const narrowed = isNarrowed();
  for (let i = PROCESSES.length - 1; i >= 0; i--) {
    const one = PROCESSES[i];
    one.visible = !narrowed || SHOWN.processes[i] > 0 || one.children.some((child) => child.visible);
  }
  SHOWN.events = list.subarray(0, size);
  SHOWN.version++;
}

// ---- how it is said

function many(number, one, more) { return number.toLocaleString("en") + " " + (number === 1 ? one : more); }
function duration(micro) {
  if (micro < 1000) return Math.round(micro) + " µs";
  if (micro < 1e6) return (micro / 1000).toFixed(micro < 1e4 ? 2 : 0) + " ms";
  if (micro < 6e7) return (micro / 1e6).toFixed(2) + " s";
  const minutes = Math.floor(micro / 6e7);
  return minutes + " min " + ((micro - minutes * 6e7) / 1e6).toFixed(1) + " s";
}
function moment(micro) { return "+" + (micro / 1e6).toFixed(3) + " s"; }
function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; bytes >= 1000 && unit < 4; unit++) bytes /= 1024;
  return (unit && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)) + " " + units[unit];
}
