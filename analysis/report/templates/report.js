"use strict";
// Tables of runs: sorted by their headings, filtered by words or a condition, a page at a time.
// Only the rows of one page are in the document, so thousands of runs stay fast.

const ROWS = 25;

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

// Missing values come last, whichever way a column is sorted.
function sorted(rows, values, turn) {
  return rows.slice().sort((i, j) => {
    const a = values[i], b = values[j];
    if (a === null || b === null) return (a === null) - (b === null) || i - j;
    return turn * compare(a, b) || i - j;
  });
}

// Measured numbers keep four digits, so that they line up; others are shown as they were set.
function shown(value, measured) {
  if (value === null) return "";
  if (typeof value !== "number") return value;
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return value.toLocaleString("en");
  const size = Math.abs(value);
  if (size >= 1e6 || (size > 0 && size < 1e-3)) return value.toExponential(2).replace("e+", "e");
  return measured ? value.toPrecision(4) : String(Number(value.toPrecision(4)));
}

// Plain words are searched for in the whole row; text with an operator is a condition.
function chosen(text, columns, values) {
  if (/[<>=!()[\]"'`&|~*@]/.test(text)) return condition(text, columns, values);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return (row) => words.every((word) =>
    values.some((column) => column[row] !== null && String(column[row]).toLowerCase().includes(word)));
}

function table(section) {
  const { columns, values } = JSON.parse(section.querySelector('script[type="application/json"]').textContent);
  const [tools, input, count, wrong, head, body] = [".tools", "input", ".count", ".wrong", "thead tr", "tbody"].map((s) => section.querySelector(s));
  const turns = [...section.querySelectorAll("[data-turn]")];
  const all = values.length ? values[0].map((_, i) => i) : [];
  const state = { kept: all, rows: all, column: -1, turn: 1, first: 0 };

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
    // First click: ascending. Second: descending. Third: original order.
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
    state.rows = state.column < 0 ? state.kept : sorted(state.kept, values[state.column], state.turn);
    state.first = 0;
    draw();
  }

  // A condition that cannot be read says why and leaves the rows as they were.
  input.addEventListener("input", () => {
    try {
      state.kept = all.filter(chosen(input.value, columns, values));
      wrong.textContent = "";
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      wrong.textContent = error.message;
    }
    input.setAttribute("aria-invalid", String(wrong.textContent !== ""));
    show();
  });
  turns.forEach((b) => b.addEventListener("click", () => {
    state.first = Math.max(0, state.first + ROWS * Number(b.dataset.turn));
    draw();
  }));
  tools.hidden = false;
  show();
}

document.querySelectorAll(".runs").forEach(table);

// The page holds each SVG once, as the picture's source; the link to save it copies that.
document.querySelectorAll("a[data-svg]").forEach((link) => {
  link.href = link.closest("figure").querySelector("img").src;
  link.hidden = false;
});

// On a dark page a picture takes the colours in its data-dark; in print it keeps its own.
document.querySelectorAll("picture[data-dark]").forEach((picture) => {
  const darkened = new Map(picture.dataset.dark.split(" ").map((pair) => pair.split(":")));
  const dark = document.createElement("source");
  dark.media = "screen and (prefers-color-scheme: dark)";
  dark.srcset = picture.querySelector("img").getAttribute("src")
    .replace(/(%22|[ :])%23([0-9a-f]{6})(?=%22|[ ;])/g, (whole, before, colour) =>
      darkened.has(colour) ? `${before}%23${darkened.get(colour)}` : whole)
    .replaceAll(" ", "%20");
  picture.prepend(dark);
});

// Open folded sections for printing, and close them again afterwards.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  folded.forEach((d) => { d.open = true; });
});
addEventListener("afterprint", () => folded.forEach((d) => { d.open = false; }));
