"use strict";
// The language of conditions, the same as in scaling_lab/conditions: see docs/conditions.md.
// The page holds measured numbers to six digits, so == compares six digits.

const condition = (() => {
const TOKEN = /\s*(?:`([^`]+)`|("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|((?:\d[\d_]*\.?\d*|\.\d+)(?:e[+-]?\d+)?)|([\p{L}_][\p{L}\p{N}_]*)|(\*\*|[<>=!]=|&&|\|\||\S))/giuy;
const SYMBOLS = ["**", "==", "!=", "<=", ">=", ..."<>+-*/&|~()[],."];
const INSTEAD = { "=": "'=='", "&&": "'and'", "||": "'or'", "@": "the column alone" };
const LEVELS = [["|"], ["&"], ["+", "-"], ["*", "/"]];
const EACH = { abs: Math.abs, exp: Math.exp, log: Math.log, sqrt: Math.sqrt };
const OVER_ROWS = {
  max: (sorted) => sorted[sorted.length - 1],
  min: (sorted) => sorted[0],
  median: (sorted) => quantile(sorted, 0.5),
  quantile,
};
const DEEPEST = 80;

const six = (number) => Number(number.toPrecision(6));
const wrong = (text) => { throw new SyntaxError(text); };

function quantile(sorted, share) {
  const place = (sorted.length - 1) * share, low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (place - low) * (sorted[high] - sorted[low]);
}

function tokens(text) {
  const found = [];
  if (text.length > 4000) wrong("it is longer than 4000 characters");
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < text.trimEnd().length;) {
    const [, quoted, string, number, word, sign] = TOKEN.exec(text);
    if (quoted !== undefined) found.push({ kind: "name", value: quoted });
    else if (string !== undefined) found.push({ kind: "value", value: string.slice(1, -1).replace(/\\(['"\\])/g, "$1") });
    else if (number !== undefined) found.push({ kind: "value", value: Number(number.replaceAll("_", "")) });
    else if (word !== undefined) found.push(named(word));
    else if (sign in INSTEAD) wrong(`it has '${sign}': write ${INSTEAD[sign]}`);
    else if ("`'\"".includes(sign)) wrong(`the quotation mark ${sign} is never closed`);
    else if (SYMBOLS.includes(sign)) found.push({ kind: sign });
    else wrong(`'${sign}' has no meaning here`);
  }
  return found;
}

function named(word) {
  if (["and", "or", "not", "in"].includes(word)) return { kind: word };
  const known = { True: true, False: false, None: null };
  return Object.hasOwn(known, word) ? { kind: "value", value: known[word] } : { kind: "name", value: word, plain: true };
}

// The value as a number, NaN if it is missing.
function number(value, sign) {
  if (typeof value === "string") wrong(`${sign} takes numbers, and '${value}' is text`);
  return value === null ? NaN : Number(value);
}

function flag(value, sign) {
  if (value !== null && typeof value !== "boolean") wrong(`${sign} takes conditions: (N > 1e6) ${sign} (D > 1e5)`);
  return value === true;
}

const missing = (value) => value === null || Number.isNaN(value);

function equal(a, b, rounded) {
  if (missing(a) || missing(b) || (typeof a === "string") !== (typeof b === "string")) return false;
  if (typeof a === "string") return a === b;
  return rounded ? six(Number(a)) === six(Number(b)) : Number(a) === Number(b);
}

function compare(sign, a, b, rounded) {
  if (missing(a) || missing(b)) return sign === "!=";
  if ((typeof a === "string") !== (typeof b === "string")) wrong("it compares text with numbers");
  const same = equal(a, b, rounded);
  switch (sign) {
    case "==": return same;
    case "!=": return !same;
    case "<": return a < b && !same;
    case ">": return a > b && !same;
    case "<=": return a < b || same;
    default: return a > b || same;
  }
}

// A function from a row to whether it satisfies the condition; throws a SyntaxError with the reason.
// A node has `at`, its value in a row, and `rounded`: whether it derives from rounded numbers.
function condition(text, columns, values) {
  const all = tokens(text);
  const rows = values.length ? values[0].length : 0;
  let place = 0, depth = 0;
  const kind = (ahead = 0) => all[place + ahead]?.kind;
  const said = () => { const t = all[place]; return t.value ?? t.kind; };
  const takes = (...kinds) => (kinds.includes(kind()) ? all[place++].kind : undefined);
  const needs = (sign) => takes(sign) || wrong(place < all.length ? `'${said()}' stands where ${sign} should` : `${sign} is missing at the end`);
  const made = (parts, at) => ({ at, rounded: parts.some((part) => part.rounded) });

  function either() {
    if (++depth > DEEPEST) wrong("it is nested too deep");
    const parts = [both()];
    while (takes("or")) parts.push(both());
    depth -= 1;
    return parts.length === 1 ? parts[0] : made(parts, (row) => parts.map((part) => flag(part.at(row), "or")).includes(true));
  }

  function both() {
    const parts = [negated()];
    while (takes("and")) parts.push(negated());
    return parts.length === 1 ? parts[0] : made(parts, (row) => !parts.map((part) => flag(part.at(row), "and")).includes(false));
  }

  function negated() {
    if (!takes("not")) return compared();
    if (++depth > DEEPEST) wrong("it is nested too deep");
    const part = negated();
    depth -= 1;
    return made([part], (row) => !flag(part.at(row), "not"));
  }

  function compared() {
    let left = level(0);
    const pairs = [];
    for (;;) {
      const sign = kind() === "not" && kind(1) === "in" ? (place += 2, "not in") : takes("in", "==", "!=", "<=", ">=", "<", ">");
      if (!sign) break;
      const one = left;
      if (sign.endsWith("in")) {
        const inside = within(one, listed());
        pairs.push(made([inside], (row) => inside.at(row) === (sign === "in")));
        break;
      }
      const two = level(0);
      if ((one.none || two.none) && !["==", "!="].includes(sign)) wrong("None has no order: write == None or != None");
      const test = (row) => (one.none || two.none
        ? missing((one.none ? two : one).at(row)) === (sign === "==")
        : compare(sign, one.at(row), two.at(row), one.rounded || two.rounded));
      pairs.push(made([one, two], test));
      left = two;
    }
    return pairs.length ? made(pairs, (row) => !pairs.map((pair) => pair.at(row)).includes(false)) : left;
  }

  function within(value, items) {
    return made([value, ...items], (row) => {
      const a = value.at(row);
      return items.some((item) => {
        const b = item.at(row);
        return (missing(a) && missing(b)) || equal(a, b, value.rounded || item.rounded);
      });
    });
  }

  function level(at) {
    if (at === LEVELS.length) return signed();
    let left = level(at + 1);
    for (let sign; (sign = takes(...LEVELS[at]));) {
      const one = left, two = level(at + 1), op = sign;
      left = made([one, two], (row) => {
        const a = one.at(row), b = two.at(row);
        if (op === "&" || op === "|") {
          const flags = [flag(a, op), flag(b, op)];
          return op === "&" ? !flags.includes(false) : flags.includes(true);
        }
        const [x, y] = [number(a, op), number(b, op)];
        return op === "+" ? x + y : op === "-" ? x - y : op === "*" ? x * y : x / y;
      });
    }
    return left;
  }

  function signed() {
    const sign = takes("-", "+", "~");
    if (!sign) return raised();
    if (++depth > DEEPEST) wrong("it is nested too deep");
    const part = signed();
    depth -= 1;
    if (sign === "~") return made([part], (row) => !flag(part.at(row), "~"));
    return made([part], (row) => (sign === "-" ? -1 : 1) * number(part.at(row), sign));
  }

  function raised() {
    const base = called();
    if (!takes("**")) return base;
    const power = signed();
    return made([base, power], (row) => number(base.at(row), "**") ** number(power.at(row), "**"));
  }

  // N.max(), N.quantile(0.8), N.isin([1, 2])
  function called() {
    let value = atom();
    while (takes(".")) {
      const method = kind() === "name" ? all[place++].value : "";
      if (method === "isin") {
        needs("(");
        value = within(value, listed());
        needs(")");
      } else if (Object.hasOwn(OVER_ROWS, method)) value = applied(method, [value]);
      else wrong(`.${method} is no method: ${Object.keys(OVER_ROWS).join(", ")}, isin`);
    }
    return value;
  }

  function atom() {
    if (takes("(")) {
      const inside = either();
      needs(")");
      return inside;
    }
    const token = all[place++];
    if (token === undefined) wrong("it ends too early");
    if (token.kind === "value") return { at: () => token.value, rounded: false, none: token.value === null };
    if (token.kind !== "name") wrong(`'${token.kind}' cannot stand where it does`);
    const name = token.value;
    if (token.plain && kind() === "(") {
      if (Object.hasOwn(OVER_ROWS, name) || Object.hasOwn(EACH, name)) return applied(name, []);
      wrong(`${name} is no function: ${Object.keys({ ...OVER_ROWS, ...EACH }).join(", ")}`);
    }
    let at = columns.findIndex((column) => column.key === name);
    if (at < 0) at = columns.findIndex((column) => column.label === name);
    if (at < 0) wrong(`no column ${name} in this table`);
    return { at: (row) => values[at][row], rounded: columns[at].rounded };
  }

  // A call: the arguments in parentheses follow those given.
  function applied(name, given) {
    const parts = [...given];
    needs("(");
    if (!takes(")")) {
      do parts.push(either()); while (takes(","));
      needs(")");
    }
    if (parts.length !== (name === "quantile" ? 2 : 1)) wrong(`write ${name === "quantile" ? "quantile(N, 0.8)" : `${name}(N)`}`);
    const [value, share] = parts;
    if (Object.hasOwn(EACH, name)) return made(parts, (row) => EACH[name](number(value.at(row), name)));
    let found;
    const over = () => {
      const there = Array.from({ length: rows }, (_, row) => number(value.at(row), name)).filter((x) => !Number.isNaN(x));
      const q = share ? number(share.at(0), name) : 0;
      if (!(q >= 0 && q <= 1)) wrong("quantile takes a fraction from 0 to 1");
      return there.length ? OVER_ROWS[name](there.sort((a, b) => a - b), q) : NaN;
    };
    return made(parts, () => (found ??= over()));
  }

  function listed() {
    const close = { "[": "]", "(": ")" }[takes("[", "(")];
    if (!close) wrong("in takes a list: N in [1e3, 1e4]");
    const items = [];
    while (kind() !== close) {
      items.push(either());
      if (!takes(",")) break;
    }
    needs(close);
    return items;
  }

  const whole = either();
  if (place < all.length) wrong(`'${said()}' cannot stand where it does`);
  return (row) => {
    const value = whole.at(row);
    if (value !== null && typeof value !== "boolean") wrong("it is not true or false: compare, as in N > 1e6");
    return value === true;
  };
}

return condition;
})();
