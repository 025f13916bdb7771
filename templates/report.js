// The timeline on a canvas: the same drawing as the SVG it replaces, which can be zoomed, moved and asked.
"use strict";
(() => {
  const figure = document.getElementById("chart");
  if (!figure) return;
  const result = JSON.parse(document.getElementById("result").textContent);
  const ROW = 20, LANE = 40, AXIS = 24, GAP = 6, NEAR = 6, TICK = 90;
  const SECOND = 1000, DAY = 86400 * SECOND;
  const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];

  // A word a cell: how many cells after the one before, *count, !errors (docs/result.md). Read sign by sign, for there may be many.
  const decoded = (start, { cell_s, cells: text }) => {
    const time = [], count = [], errors = [], width = cell_s * SECOND;
    let now = Date.parse(start), field = 0, read = [0, 1, 0];
    for (let i = 0; i <= text.length && text; i++) {
      const sign = text[i];
      if (sign >= "0" && sign <= "9") read[field] = read[field] * 10 + +sign;
      else if (sign === "*") read[(field = 1)] = 0;
      else if (sign === "!") field = 2;
      else {
        now += read[0] * width;
        time.push(now);
        count.push(read[1]);
        errors.push(read[2]);
        field = 0;
        read = [0, 1, 0];
      }
    }
    return { width, time, count, errors };
  };
  const lanes = result.lanes.map((lane) => ({ source: lane.source, cells: decoded(lane.start, lane.detail) }));
  const overlays = result.overlays.map((one) => ({ role: one.role, cells: decoded(one.start, one.detail) }));
  const told = (row) => [...row.cells].slice(1).map((cell) => cell.textContent).join("\n");
  const events = result.timeline.map((event, i) => ({
    time: Date.parse(event.time), lane: result.lanes.findIndex((lane) => lane.source === event.source), inferred: event.inferred,
    text: told(document.getElementById(`t${i + 1}`) || { cells: [{}, { textContent: event.quote }] }),
  }));
  const first = Date.parse(result.lanes[0].start);
  const last = first + result.lanes[0].counts.length * result.lanes[0].bin_s * SECOND;
  const least = Math.min(last - first, 10 * Math.min(...lanes.map((lane) => lane.cells.width)));
  const shown = { cause: true, symptom: true };
  let from = first, to = last, at = -1;

  const plot = figure.querySelector(".plot");
  const canvas = plot.appendChild(document.createElement("canvas"));
  const tip = plot.appendChild(document.createElement("div"));
  const said = figure.querySelector(".said");
  const pen = canvas.getContext("2d");
  const roles = ["cause", "symptom"].filter((role) => overlays.some((one) => one.role === role));
  const top = roles.length * ROW, bottom = top + LANE * lanes.length;
  let width = 1;

  // The index of the first cell at or after a time.
  const index = (times, time) => {
    let low = 0, high = times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] < time) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const x = (time) => ((time - from) / (to - from)) * width;
  const timeAt = (place) => from + (place / width) * (to - from);
  const iso = (time) => new Date(time).toISOString().replace("T", " ").replace(/\.000Z$/, "Z");
  const each = (cells, begin, end, visit) => {
    for (let i = index(cells.time, begin - cells.width + 1); i < cells.time.length && cells.time[i] < end; i++) visit(i);
  };
  const sum = (cells, begin, end) => {
    const total = [0, 0];
    each(cells, begin, end, (i) => { total[0] += cells.count[i]; total[1] += cells.errors[i]; });
    return total;
  };
  const counted = ([lines, errors]) => figure.dataset.window.replace("{lines}", lines).replace("{errors}", errors);

  // Cells that share a pixel are one bar; heights go by the square root, so that one event beside a thousand still shows.
  const drawLane = (cells, base, colour) => {
    const bar = Math.max(1, (cells.width / (to - from)) * width - 0.5), before = Math.ceil(bar); // one may begin left of the edge
    const columns = new Float64Array(Math.ceil(width) + before + 1), wrong = new Float64Array(columns.length);
    each(cells, from, to, (i) => {
      const column = Math.max(0, Math.floor(x(cells.time[i])) + before);
      columns[column] += cells.count[i];
      wrong[column] += cells.errors[i];
    });
    const most = Math.max(1, ...columns);
    const height = (column) => Math.max(2, (LANE - GAP) * Math.sqrt(columns[column] / most));
    pen.fillStyle = colour("logged");
    columns.forEach((count, column) => count && pen.fillRect(column - before, base, bar, -height(column)));
    pen.fillStyle = colour("wrong");
    wrong.forEach((count, column) => count && pen.fillRect(column - before, base, bar, (-height(column) * count) / columns[column]));
  };
  const drawMarks = (role, colour) => {
    pen.fillStyle = colour(role);
    for (const { cells } of overlays.filter((one) => one.role === role)) {
      const wide = Math.max(3, (cells.width / (to - from)) * width);
      each(cells, from, to, (i) => pen.fillRect(x(cells.time[i]), roles.indexOf(role) * ROW + 3, wide, ROW - 6));
    }
  };
  const drawStrikes = (colour) => {
    pen.strokeStyle = colour("cause");
    pen.globalAlpha = 0.6;
    pen.setLineDash([3, 3]);
    for (const { cells } of overlays.filter((one) => one.role === "cause"))
      each(cells, from, to, (i) => pen.strokeRect(x(cells.time[i]), 3, 0, bottom - 3));
    pen.globalAlpha = 1;
  };
  const drawEvents = (colour) => {
    events.forEach((event, i) => {
      if (event.lane < 0 || event.time < from || event.time > to) return;
      pen.save();
      pen.translate(x(event.time), top + LANE * event.lane + GAP);
      pen.rotate(Math.PI / 4);
      pen.fillStyle = i === at ? colour("link") : colour("event");
      const half = i === at ? 5 : 3;
      pen.fillRect(-half, -half, 2 * half, 2 * half);
      pen.restore();
    });
  };
  const drawAxis = (colour) => {
    const wanted = (to - from) / Math.max(1, width / TICK) / SECOND;
    const step = (STEPS.find((one) => one >= wanted) || Math.ceil(wanted / 604800) * 604800) * SECOND;
    pen.font = "12px system-ui, sans-serif";
    for (let time = Math.ceil(from / step) * step; time < to; time += step) {
      const text = new Date(time).toISOString();
      pen.fillStyle = colour("rule");
      pen.fillRect(x(time), 0, 1, bottom);
      pen.fillStyle = colour("soft");
      const label = time % DAY === 0 ? text.slice(5, 10) : text.slice(11, step < 60 * SECOND ? 19 : 16);
      const half = pen.measureText(label).width / 2;
      pen.fillText(label, Math.min(Math.max(x(time) - half, 0), width - 2 * half), bottom + 16);
    }
  };
  const draw = () => {
    const style = getComputedStyle(document.documentElement);
    const colours = {};
    const colour = (name) => (colours[name] ||= style.getPropertyValue(`--${name}`).trim());
    pen.clearRect(0, 0, width, bottom + AXIS);
    drawAxis(colour);
    if (shown.cause) drawStrikes(colour);
    lanes.forEach((lane, i) => {
      const base = top + LANE * (i + 1);
      pen.fillStyle = colour("rule");
      pen.fillRect(0, base, width, 1);
      drawLane(lane.cells, base, colour);
    });
    for (const role of roles) if (shown[role]) drawMarks(role, colour);
    drawEvents(colour);
  };
  const resize = () => {
    const ratio = devicePixelRatio || 1;
    width = Math.max(1, plot.clientWidth);
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round((bottom + AXIS) * ratio);
    canvas.style.height = `${bottom + AXIS}px`;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    draw();
  };

  const say = (text) => {
    const total = lanes.map((lane) => sum(lane.cells, from, to)).reduce((a, b) => [a[0] + b[0], a[1] + b[1]], [0, 0]);
    said.textContent = text || `${iso(from)} – ${iso(to)} · ${counted(total)}`;
  };
  const view = (begin, end) => {
    const span = Math.min(Math.max(end - begin, least), last - first);
    from = Math.min(Math.max(begin + (end - begin - span) / 2, first), last - span);
    to = from + span;
    at = -1;
    tip.hidden = true;
    draw();
    say();
  };
  const zoom = (factor, time) => view(time - (time - from) * factor, time + (to - time) * factor);
  const go = (direction) => {
    const candidates = events.map((_, i) => i).filter((i) => events[i].time >= first && events[i].time <= last);
    const ahead = direction > 0 ? candidates.filter((i) => i > at) : candidates.filter((i) => i < at).reverse();
    const inView = direction > 0 ? candidates.filter((i) => events[i].time >= from) : candidates.filter((i) => events[i].time <= to).reverse();
    const [next] = at < 0 ? inView : ahead;
    if (next === undefined) return say(figure.dataset.none);
    const time = events[next].time, span = to - from;
    if (time < from || time > to) view(time - span / 2, time + span / 2);
    at = next;
    draw();
    say(events[next].text);
    point(x(time), top + Math.max(0, events[next].lane) * LANE + GAP, events[next].text);
  };
  const middle = () => (from + to) / 2, part = () => (to - from) / 5;
  const deeds = {
    left: () => view(from - part(), to - part()), right: () => view(from + part(), to + part()),
    in: () => zoom(0.5, middle()), out: () => zoom(2, middle()), all: () => view(first, last),
    next: () => go(1), previous: () => go(-1),
  };
  const keys = { ArrowLeft: "left", ArrowRight: "right", "+": "in", "=": "in", "-": "out", "−": "out", 0: "all", Home: "all", n: "next", p: "previous" };

  const point = (left, height, text) => {
    tip.textContent = text;
    tip.hidden = false;
    const most = width - tip.offsetWidth - 4;
    tip.style.left = `${Math.max(0, Math.min(left + 12, most))}px`;
    tip.style.top = `${height + 14}px`;
  };
  const describe = (left, height) => {
    const time = timeAt(left), reach = ((to - from) / width) * NEAR;
    const row = Math.floor((height - top) / LANE), role = roles[Math.floor(height / ROW)];
    const near = events.filter((event) => Math.abs(event.time - time) <= reach && (event.inferred ? role === "cause" : event.lane === row));
    if (near.length) return near.map((event) => event.text).join("\n\n");
    if (role) {
      const struck = result.overlays.map((_, i) => i).filter((i) => overlays[i].role === role && sum(overlays[i].cells, time - reach, time + reach)[0]);
      return struck.map((i) => figure.querySelector(`[data-claim="${i}"]`).textContent).join("\n");
    }
    if (!lanes[row]) return "";
    const cells = lanes[row].cells;
    const wide = Math.max(cells.width, (2 / width) * (to - from));
    const begin = Math.floor(time / wide) * wide;
    const total = sum(cells, begin, begin + wide);
    return total[0] ? `${lanes[row].source}\n${iso(Math.round(begin))}\n${counted(total)}` : "";
  };

  let drag = null;
  canvas.addEventListener("wheel", (event) => {
    const factor = event.deltaY > 0 ? 1.25 : 0.8;
    if (factor > 1 && to - from >= last - first) return; // nothing to zoom out of: the page scrolls
    event.preventDefault();
    zoom(factor, timeAt(event.offsetX));
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    drag = { x: event.offsetX, from, to };
    canvas.setPointerCapture(event.pointerId);
    plot.classList.add("drags");
  });
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { drag = null; plot.classList.remove("drags"); });
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("pointermove", (event) => {
    if (drag) {
      const moved = ((drag.x - event.offsetX) / width) * (drag.to - drag.from);
      return view(drag.from + moved, drag.to + moved);
    }
    const text = describe(event.offsetX, event.offsetY);
    if (text) point(event.offsetX, event.offsetY, text);
    else tip.hidden = true;
  });
  canvas.addEventListener("dblclick", deeds.all);
  plot.addEventListener("keydown", (event) => {
    const deed = deeds[keys[event.key] || keys[event.key.toLowerCase()]];
    if (event.key === "Escape") tip.hidden = true;
    if (!deed || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    deed();
  });
  for (const button of figure.querySelectorAll("[data-do]")) button.addEventListener("click", deeds[button.dataset.do]);
  for (const box of figure.querySelectorAll("[data-role]")) {
    box.disabled = false;
    box.addEventListener("change", () => { shown[box.dataset.role] = box.checked; draw(); });
  }
  tip.className = "tip";
  tip.hidden = true;
  plot.tabIndex = 0;
  plot.setAttribute("role", "application");
  plot.setAttribute("aria-label", figure.querySelector("svg").getAttribute("aria-label"));
  plot.setAttribute("aria-describedby", "chart-help");
  for (const part of figure.querySelectorAll(".tools, .keys")) part.hidden = false;
  plot.classList.add("live");
  resize();
  new ResizeObserver(resize).observe(plot);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  performance.mark("timeline");
})();
