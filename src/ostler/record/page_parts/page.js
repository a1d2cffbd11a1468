// What the page begins with, and what clicks and keys do.

const lists = {
  processes: new VirtualList($("processes"), {
    role: "treeitem", fill: fillProcess,
    choose: (i) => chooseProcess(processRows[i].index),
    fold: (i, wanted) => {
      const one = processRows[i], folded = open.processes.has(one.index);
      if (!one.children.length || (wanted === false && folded)) {
        if (wanted === false && one.parent >= 0) lists.processes.activate(processRows.indexOf(PROCESSES[one.parent]));
        return;
      }
      if (wanted === true && !folded) { lists.processes.activate(i + 1); return; }
      if (folded) open.processes.delete(one.index); else open.processes.add(one.index);
      orderProcesses();
      lists.processes.set(processRows.length, "", true);
    },
  }),
  files: new VirtualList($("files"), {
    role: "treeitem", fill: fillTree,
    choose: (i) => chooseNode(treeRows[i].node),
    fold: (i, wanted) => {
      const row = treeRows[i], unfolded = open.nodes.has(row.node);
      if (wanted === false && !(row.below && unfolded)) {
        let above = i;
        while (above > 0 && treeRows[above].depth >= row.depth) above--;
        lists.files.activate(above);
        return;
      }
      if (!row.below) return;
      if (wanted === true && unfolded) { lists.files.activate(i + 1); return; }
      if (unfolded) open.nodes.delete(row.node); else open.nodes.add(row.node);
      orderTree();
      lists.files.set(treeRows.length, "", true);
    },
  }),
  events: new VirtualList($("events"), {
    role: "option", fill: (row, i) => fillEvent(row, SHOWN.events[i], true, true),
    choose: (i) => chooseNode(PATH[SHOWN.events[i]]),
  }),
  history: new VirtualList($("history"), {
    role: "option",
    fill: (row, i) => fillEvent(row, history[i], historyIsOf === "node", historyIsOf === "process"),
    choose: (i) => historyIsOf === "node" ? chooseProcess(BY[history[i]], true) : chooseNode(PATH[history[i]], true),
  }),
};

function chooseProcess(index, reveal) {
  chosen.process = index; chosen.node = -1;
  if (reveal) {
    for (let one = PROCESSES[index]; one; one = PROCESSES[one.parent]) if (one.index !== index) open.processes.delete(one.index);
    orderProcesses();
    lists.processes.set(processRows.length, "", true);
    const at = processRows.indexOf(PROCESSES[index]);
    if (at >= 0) requestAnimationFrame(() => lists.processes.activate(at));
  }
  showDetails();
  redraw();
}
function chooseNode(node, reveal) {
  chosen.node = node; chosen.process = -1;
  if (reveal) {
    for (let at = PARENT[node]; at >= 0; at = PARENT[at]) open.nodes.add(at);
    orderTree();
    lists.files.set(treeRows.length, "", true);
    const at = treeRows.findIndex((row) => row.node === node);
    if (at >= 0) requestAnimationFrame(() => lists.files.activate(at));
  }
  showDetails();
  redraw();
}
function chooseNothing() {
  chosen.process = chosen.node = -1;
  showDetails();
  redraw();
}
function redraw() {
  for (const list of Object.values(lists)) list.later();
}

// ---- filters

function narrow(change, keepTree) {
  Object.assign(FILTER, change);
  applyFilter();
  // The overview shows the whole time, whichever part of it is looked at.
  if (FILTER.from > 0 || FILTER.to < LAST) {
    if (!("from" in change)) {
      const {from, to} = FILTER, found = SHOWN.events, mask = SHOWN.mask.slice();
      Object.assign(FILTER, {from: 0, to: LAST});
      applyFilter();
      SHOWN.overview = SHOWN.mask.slice();
      Object.assign(FILTER, {from, to});
      applyFilter();
    }
  } else SHOWN.overview = SHOWN.mask.slice();
  orderProcesses();
  if (!keepTree) unfoldTree(FILTER.path || FILTER.program ? 200 : 60);
  orderTree();
  const nothing = COUNT ? "Nothing fits these filters." : "Nothing was recorded.";
  lists.processes.set(processRows.length, nothing, keepTree);
  lists.files.set(treeRows.length, nothing, keepTree);
  lists.events.set(SHOWN.events.length, nothing, keepTree);
  $("found").textContent = many(SHOWN.events.length, "event", "events");
  showChips();
  if (chosen.process >= 0) showDetails();
  requestAnimationFrame(drawOverview);
}
function showChips() {
  const chips = $("chips");
  chips.replaceChildren();
  const chip = (text, change) => {
    const button = element("button", "chip", text + " ✕");
    button.type = "button";
    button.title = "Take this filter away";
    button.addEventListener("click", () => narrow(change));
    chips.append(button);
  };
  if (FILTER.under >= 0) chip("by " + PROCESSES[FILTER.under].name + " " + PROCESSES[FILTER.under].pid, {under: -1});
  if (FILTER.below >= 0) chip("in " + (shown(pathOf(FILTER.below)) || "/"), {below: -1});
  if (FILTER.from > 0 || FILTER.to < LAST) chip(moment(FILTER.from) + " to " + moment(FILTER.to), {from: 0, to: LAST});
}
function setTime(from, to) {
  const least = Math.min(LAST, Math.max(50, LAST / 1e5));
  from = Math.max(0, from); to = Math.min(LAST, to);
  if (to - from < least) to = Math.min(LAST, from + least);
  if (to - from < least) from = Math.max(0, to - least);
  narrow({from, to}, true);
}
function zoom(factor) {
  const middle = (FILTER.from + FILTER.to) / 2, half = (FILTER.to - FILTER.from) / 2 * factor;
  setTime(middle - half, middle + half);
}
function later(action) {
  let asked = 0;
  return () => { cancelAnimationFrame(asked); asked = requestAnimationFrame(() => { asked = requestAnimationFrame(action); }); };
}

// ---- what stands there from the beginning

function showHeading() {
  const words = ABOUT.command.length ? commandOf(ABOUT.command) : "A recording";
  $("command").textContent = words;
  const about = [];
  if (ABOUT.began !== null && Math.abs(ABOUT.began) < 8e12) about.push(new Date(ABOUT.began * 1000).toLocaleString());
  if (ABOUT.cwd) about.push("in " + shown(ABOUT.cwd));
  if (ABOUT.machine) about.push("on " + ({host: "the host", rehearse: "a rehearsal"}[ABOUT.machine] || shown(ABOUT.machine)));
  if (!ABOUT.reads) about.push("changes and network only");
  $("about").textContent = about.join(" · ");
  const changed = new Set(), read = new Set(), reached = new Set();
  let refused = 0;
  for (let i = 0; i < COUNT; i++) {
    if (CATEGORY[i] === CHANGED) changed.add(PATH[i]);
    else if (CATEGORY[i] === READ && DATA.kinds[KIND[i]] === "read") read.add(PATH[i]);
    else if (CATEGORY[i] === NETWORK) reached.add(PATH[i]);
    else if (CATEGORY[i] === REFUSED) refused++;
  }
  const figures = [
    [PROCESSES.length, "process", "processes", ""], [changed.size, "path changed", "paths changed", "changed"],
    [read.size, "path read", "paths read", "read"], [reached.size, "address", "addresses", "network"],
    [refused, "refused", "refused", "refused"],
  ];
  for (const [number, one, more, name] of figures) {
    const box = element("div", name);
    box.append(element("dd", "", number.toLocaleString("en")), element("dt", "", number === 1 ? one : more));
    $("figures").append(box);
  }
  if (DATA.changes.length) {
    const left = element("div");
    left.append(element("dd", "", DATA.changes.length.toLocaleString("en")), element("dt", "", "left changed"));
    $("figures").append(left);
  }
  const box = element("div");
  box.append(element("dd", "", duration(LAST)), element("dt", "", "in all"));
  $("figures").append(box);
  const warning = ABOUT.problem ? "This recording is incomplete: " + ABOUT.problem : ABOUT.complete ? "" : "This recording is cut off: its end is missing.";
  $("warning").textContent = warning;
  $("warning").hidden = !warning;
  for (const name of NAMED.slice(0, 4)) $("legend").append(element("span", "key " + name, name));
}
function showChoice() {
  for (const [value, text] of [["all", "All"], ["written", "Written"], ["read", "Read"], ["network", "Network"], ["refused", "Refused"],
    ...(DATA.changes.length ? [["left", "Left changed"]] : [])]) {
    const label = element("label"), input = element("input");
    Object.assign(input, {type: "radio", name: "only", value, checked: value === "all"});
    input.addEventListener("change", () => narrow({only: value}));
    label.append(input, element("span", "", text));
    $("only").append(label);
  }
}
function chooseTab(name) {
  for (const each of ["files", "events"]) {
    const tab = $("tab-" + each), is = each === name;
    tab.setAttribute("aria-selected", is);
    tab.tabIndex = is ? 0 : -1;
    $(each).hidden = !is;
  }
  $("tree-tools").hidden = name !== "files";
  lists[name].later();
}
function listen() {
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  for (const name of ["path", "program"]) {
    $(name).addEventListener("input", later(() => narrow({[name]: $(name).value.trim()})));
  }
  $("usual").addEventListener("change", () => narrow({usual: $("usual").checked}));
  for (const name of ["files", "events"]) {
    $("tab-" + name).addEventListener("click", () => chooseTab(name));
    $("tab-" + name).addEventListener("keydown", (event) => {
      if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return;
      const other = name === "files" ? "events" : "files";
      chooseTab(other);
      $("tab-" + other).focus();
    });
  }
  $("unfold").addEventListener("click", () => { unfoldTree(Infinity); orderTree(); lists.files.set(treeRows.length, ""); });
  $("fold").addEventListener("click", () => { open.nodes.clear(); orderTree(); lists.files.set(treeRows.length, ""); });
  $("closer").addEventListener("click", () => zoom(0.5));
  $("further").addEventListener("click", () => zoom(2));
  $("entire").addEventListener("click", () => setTime(0, LAST));
  $("close").addEventListener("click", chooseNothing);
  listenToOverview();
  document.addEventListener("keydown", (event) => {
    const typing = event.target.tagName === "INPUT" && event.target.type === "search";
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) { $("path").focus(); event.preventDefault(); }
    else if (event.key === "Escape" && !typing && event.target !== $("overview")) chooseNothing();
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); drawOverview(); redraw(); });
  new ResizeObserver(() => requestAnimationFrame(drawOverview)).observe($("overview"));
}
function listenToOverview() {
  const canvas = $("overview");
  let start = -1, before = null;
  const timeAt = (event) => {
    const box = canvas.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * LAST;
  };
  const move = later(() => { if (before) setTime(...before); });
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    start = timeAt(event); before = null;
  });
  canvas.addEventListener("pointermove", (event) => {
    if (start < 0) return;
    const to = timeAt(event);
    if (before || Math.abs(to - start) > LAST / canvas.clientWidth * 3) {
      before = [Math.min(start, to), Math.max(start, to)];
      move();
    }
  });
  canvas.addEventListener("pointerup", () => { if (start >= 0 && !before) setTime(0, LAST); start = -1; });
  canvas.addEventListener("pointercancel", () => { start = -1; });
  canvas.addEventListener("keydown", (event) => {
    const step = (FILTER.to - FILTER.from) / 4;
    if (event.key === "+" || event.key === "=") zoom(0.5);
    else if (event.key === "-") zoom(2);
    else if (event.key === "ArrowLeft") setTime(Math.max(0, FILTER.from - step), Math.max(FILTER.to - FILTER.from, FILTER.to - step));
    else if (event.key === "ArrowRight") setTime(Math.min(LAST - 4 * step, FILTER.from + step), Math.min(LAST, FILTER.to + step));
    else if (event.key === "Escape" || event.key === "Home") setTime(0, LAST);
    else return;
    event.preventDefault();
  });
}

readColours();
showHeading();
showChoice();
listen();
narrow({});
showDetails();
