// Lists of any length: only the rows that are seen are elements, and these are used again.

const $ = (id) => document.getElementById(id);
function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;  // never as HTML
  return made;
}

const TALLEST = 8e6;  // pixels: what browsers can scroll; beyond, a step is more than a pixel

class VirtualList {
  // fill(row, index) makes a row's element tell of an item; choose(index) is for a click or Enter;
  // fold(index, open) for the arrows to the left and right, null: whatever it is not.
  constructor(place, {role, fill, choose, fold}) {
    Object.assign(this, {place, role, fill, choose, fold, length: 0, active: -1, rows: [], asked: false});
    this.height = 24;
    this.space = element("div", "space");
    this.space.setAttribute("role", "presentation");
    this.empty = element("p", "notice");
    place.append(this.space, this.empty);
    place.addEventListener("scroll", () => this.draw(), {passive: true});
    place.addEventListener("keydown", (event) => this.key(event));
    place.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (!row) return;
      this.activate(row.index);
      if (event.target.closest(".fold") && this.fold) this.fold(row.index, null);
      else this.choose(row.index);
    });
    place.addEventListener("focus", () => { if (this.active < 0 && this.length) this.activate(this.first()); });
    new ResizeObserver(() => this.later()).observe(place);
  }
  set(length, empty, keep) {
    this.length = length;
    this.empty.textContent = length ? "" : empty;
    if (!keep) { this.active = -1; this.place.scrollTop = 0; }
    if (this.active >= length) this.active = length - 1;
    this.later();
  }
  later() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => { this.asked = false; this.draw(true); });
  }
  // The pixels from the top of all items to what is seen first.
  offset() {
    const total = this.length * this.height, view = this.place.clientHeight;
    if (total <= TALLEST) return this.place.scrollTop;
    return this.place.scrollTop / (TALLEST - view) * (total - view);
  }
  first() { return Math.min(this.length - 1, Math.ceil(this.offset() / this.height)); }
  draw(anew) {
    const view = this.place.clientHeight;
    if (!view) return;
    this.height = parseFloat(getComputedStyle(this.place).getPropertyValue("--row")) || 24;
    const total = this.length * this.height;
    this.space.style.height = Math.min(total, TALLEST) + "px";
    const offset = this.offset(), shift = this.place.scrollTop - offset;
    const start = Math.max(0, Math.floor(offset / this.height) - 4);
    const end = Math.min(this.length, Math.ceil((offset + view) / this.height) + 4);
    const kept = new Map(), free = [];
    for (const row of this.rows) {
      if (!anew && row.index >= start && row.index < end) kept.set(row.index, row);
      else free.push(row);
    }
    for (let i = start; i < end; i++) {
      let row = kept.get(i);
      if (!row) {
        row = free.pop();
        if (!row) {
          row = element("div", "row");
          row.id = this.place.id + "-" + this.rows.length;
          row.setAttribute("role", this.role);
          this.rows.push(row);
          this.space.append(row);
        }
        row.index = i;
        row.hidden = false;
        this.fill(row, i);
        row.setAttribute("aria-setsize", this.length);
        row.setAttribute("aria-posinset", i + 1);
      }
      row.style.transform = "translateY(" + (i * this.height + shift) + "px)";
      row.classList.toggle("active", i === this.active);
      if (i === this.active) this.place.setAttribute("aria-activedescendant", row.id);
    }
    for (const row of free) { row.hidden = true; row.index = -1; }
    if (this.active < start || this.active >= end) this.place.removeAttribute("aria-activedescendant");
  }
  activate(index) {
    this.active = Math.max(0, Math.min(this.length - 1, index));
    const view = this.place.clientHeight, total = this.length * this.height, offset = this.offset();
    const top = this.active * this.height;
    let wanted = offset;
    if (top < offset) wanted = top;
    else if (top + this.height > offset + view) wanted = top + this.height - view;
    if (wanted !== offset) {
      this.place.scrollTop = total <= TALLEST ? wanted : wanted / (total - view) * (TALLEST - view);
    }
    this.draw();
  }
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.length) return;
    const page = Math.max(1, Math.floor(this.place.clientHeight / this.height) - 1);
    const steps = {ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity};
    if (event.key in steps) this.activate(this.active < 0 ? this.first() : this.active + steps[event.key]);
    else if ((event.key === "Enter" || event.key === " ") && this.active >= 0) this.choose(this.active);
    else if (event.key === "ArrowRight" && this.fold && this.active >= 0) this.fold(this.active, true);
    else if (event.key === "ArrowLeft" && this.fold && this.active >= 0) this.fold(this.active, false);
    else return;
    event.preventDefault();
  }
}

// A path, of which the last name is always seen, and those before it as far as there is room.
function pathInto(place, path) {
  const text = shown(path) || "/", cut = text.lastIndexOf("/", text.length - 2) + 1;
  const above = element("span", "above", text.slice(0, cut));
  place.append(above, element("span", "name", text.slice(cut)));
  place.title = text;
}

// The drawing area of a canvas, as sharp as the screen is: null while it is not seen.
function drawingOn(canvas) {
  const width = canvas.clientWidth, height = canvas.clientHeight, ratio = window.devicePixelRatio || 1;
  if (!width || !height) return null;
  const across = Math.round(width * ratio), down = Math.round(height * ratio);
  if (canvas.width !== across) canvas.width = across;
  if (canvas.height !== down) canvas.height = down;
  const drawing = canvas.getContext("2d");
  drawing.setTransform(ratio, 0, 0, ratio, 0, 0);
  drawing.clearRect(0, 0, width, height);
  return {drawing, width, height};
}
