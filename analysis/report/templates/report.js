"use strict";
// Tables of runs: sorted by their headings, filtered by words and comparisons, a page at a time.
// Only the rows of one page are in the document, so thousands of runs stay fast.

const ROWS = 25;
const RULE = /^([\w.]+)(<=|>=|!=|=|<|>)(.+)$/;

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

// What is missing comes last, whichever way a column is sorted.
function sorted(rows, values, turn) {
  return rows.slice().sort((i, j) => {
    const a = values[i], b = values[j];
    if (a === null || b === null) return (a === null) - (b === null) || i - j;
    return turn * compare(a, b) || i - j;
  });
}

// Measured numbers keep their four digits, so that they line up; others read as they were asked.
function shown(value, measured) {
  if (value === null) return "";
  if (typeof value !== "number") return value;
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return value.toLocaleString("en");
  const size = Math.abs(value);
  if (size >= 1e6 || (size > 0 && size < 1e-3)) return value.toExponential(2).replace("e+", "e");
  return measured ? value.toPrecision(4) : String(Number(value.toPrecision(4)));
}

// "N>1e4" and "seed=0" ask about a column; any other word is looked for in the whole row.
function rule(word, columns, values) {
  const found = RULE.exec(word);
  if (found) {
    const name = found[1].toLowerCase().replaceAll("_", " ");
    const at = columns.findIndex((c) => [c.key.toLowerCase().replaceAll("_", " "), c.label.toLowerCase()].includes(name));
    if (at >= 0) {
      const number = Number(found[3]);
      const wanted = columns[at].number && !Number.isNaN(number) ? number : found[3].toLowerCase();
      const close = (a) => typeof a === "number" && typeof wanted === "number" && Math.abs(a - wanted) <= 1e-6 * Math.abs(wanted);
      const test = {
        "=": (a) => close(a) || String(a).toLowerCase() === wanted,
        "!=": (a) => !close(a) && String(a).toLowerCase() !== wanted,
        "<": (a) => compare(a, wanted) < 0 && !close(a),
        ">": (a) => compare(a, wanted) > 0 && !close(a),
        "<=": (a) => compare(a, wanted) <= 0 || close(a),
        ">=": (a) => compare(a, wanted) >= 0 || close(a),
      }[found[2]];
      return (row) => values[at][row] !== null && test(values[at][row]);
    }
  }
  const text = word.toLowerCase();
  return (row) => values.some((column) => column[row] !== null && String(column[row]).toLowerCase().includes(text));
}

function table(section) {
  const { columns, values } = JSON.parse(section.querySelector('script[type="application/json"]').textContent);
  const [tools, input, count, head, body] = [".tools", "input", ".count", "thead tr", "tbody"].map((s) => section.querySelector(s));
  const turns = [...section.querySelectorAll("[data-turn]")];
  const all = values.length ? values[0].map((_, i) => i) : [];
  const state = { rows: all, column: -1, turn: 1, first: 0 };

  columns.forEach((column, at) => {
    const th = document.createElement("th");
    const button = document.createElement("button");
    th.scope = "col";
    th.className = column.number ? "n" : column.key;
    th.title = column.hint;
    button.type = "button";
    const label = document.createElement("span");
    label.className = "label";
    label.textContent = column.label;
    button.append(label);
    if (column.unit) {
      const unit = document.createElement("span");
      unit.className = "unit";
      unit.textContent = `(${column.unit})`;
      button.append(" ", unit);
    }
    // First click ascending, second descending, third as the runs came.
    button.addEventListener("click", () => {
      if (state.column !== at) Object.assign(state, { column: at, turn: 1 });
      else if (state.turn === 1) state.turn = -1;
      else state.column = -1;
      show();
    });
    th.append(button);
    head.append(th);
  });

  function draw() {
    const page = state.rows.slice(state.first, state.first + ROWS);
    body.replaceChildren(...page.map((row) => {
      const tr = document.createElement("tr");
      columns.forEach((column, at) => {
        const td = document.createElement("td");
        const value = values[at][row];
        td.className = column.number ? "n" : column.key;
        if (column.key === "status" && value !== "done") {
          const badge = document.createElement("span");
          badge.className = `badge ${value}`;
          badge.textContent = value;
          td.append(badge);
        } else td.textContent = shown(value, column.measured);
        tr.append(td);
      });
      return tr;
    }));
    const of = state.rows.length === all.length ? "" : ` (of ${all.length.toLocaleString("en")})`;
    const last = state.first + page.length;
    count.textContent = page.length
      ? `${(state.first + 1).toLocaleString("en")}–${last.toLocaleString("en")} of ${state.rows.length.toLocaleString("en")} runs${of}`
      : "no run matches";
    turns.forEach((b) => {
      b.disabled = b.dataset.turn === "-1" ? state.first === 0 : last >= state.rows.length;
    });
    [...head.children].forEach((th, at) => {
      th.setAttribute("aria-sort", at !== state.column ? "none" : state.turn > 0 ? "ascending" : "descending");
    });
  }

  function show() {
    const rules = input.value.split(/\s+/).filter(Boolean).map((word) => rule(word, columns, values));
    const kept = all.filter((row) => rules.every((fits) => fits(row)));
    state.rows = state.column < 0 ? kept : sorted(kept, values[state.column], state.turn);
    state.first = 0;
    draw();
  }

  input.addEventListener("input", show);
  turns.forEach((b) => b.addEventListener("click", () => {
    state.first = Math.max(0, state.first + ROWS * Number(b.dataset.turn));
    draw();
  }));
  tools.hidden = false;
  show();
}

document.querySelectorAll(".runs").forEach(table);

// The SVG is in the page once, as the picture: its link takes it from there.
document.querySelectorAll("a[data-svg]").forEach((link) => {
  link.href = link.closest("figure").querySelector("img").src;
  link.hidden = false;
});

// On a dark page a picture has other colours, as its data-night says; printed it has its own.
document.querySelectorAll("picture[data-night]").forEach((picture) => {
  const night = new Map(picture.dataset.night.split(" ").map((pair) => pair.split(":")));
  const dark = document.createElement("source");
  dark.media = "screen and (prefers-color-scheme: dark)";
  dark.srcset = picture.querySelector("img").getAttribute("src")
    .replace(/(%22|[ :])%23([0-9a-f]{6})(?=%22|[ ;])/g, (whole, before, colour) =>
      night.has(colour) ? `${before}%23${night.get(colour)}` : whole)
    .replaceAll(" ", "%20");
  picture.prepend(dark);
});

// A printed page cannot be unfolded: what is folded is opened for print and folded again.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  folded.forEach((d) => { d.open = true; });
});
addEventListener("afterprint", () => folded.forEach((d) => { d.open = false; }));
