// Asks the API, and shows what it says. Whatever comes from it is text and never markup: no HTML is parsed here.

const byId = (id) => document.getElementById(id);
const log = byId("log");
const question = byId("question");
const documents = byId("documents");

const CACHE = {
  none: "Nothing from the cache",
  embedding: "The question’s embedding from the cache",
  answer: "Answer from the cache",
};
const PROBLEMS = {
  0: "The page’s own server cannot be reached. Is serve.py still running?",
  400: "The question cannot be answered as it is.",
  401: "You are not logged in.",
  403: "You may not ask here.",
  404: "This conversation has ended, or there is no such endpoint.",
  413: "The question is too long.",
  429: "Too many questions for now.",
  503: "The service is busy.",
  504: "No answer came in time.",
};
const INCOMPLETE = "The endpoint’s answer is not one that this page knows.";

let session = ""; // the conversation's id, once its first answer has told it
let count = 0;
let pending = null; // the AbortController of the question that waits for its answer

/** An element that holds `children`: elements, and strings as text. */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const isText = (value) => typeof value === "string";

/** What went wrong, in words for whoever asked. */
class Problem extends Error {
  constructor(status, message = "", retryAfter = 0) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

async function post(verb, body, signal) {
  let response, reply;
  try {
    response = await fetch(verb, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
    reply = await response.json();
  } catch (error) {
    if (signal.aborted) throw error;
    throw response ? new Problem(response.status, "The answer is not JSON.") : new Problem(0);
  }
  if (response.ok) return reply;
  const said = reply?.error?.message;
  throw new Problem(response.status, isText(said) ? said : "", Number(response.headers.get("retry-after")) || 0);
}

/** The reply to /ask as elements; throws a `Problem` when it is none. */
function answered(turn, reply) {
  if (!isText(reply?.answer) || !Array.isArray(reply.citations)) throw new Problem(200, INCOMPLETE);
  if (isText(reply.session_id)) session = reply.session_id;
  const text = make("p", { class: "text", dir: "auto" }, reply.answer);
  const found = reply.citations.length > 0;
  const box = make("div", { class: found ? "answer" : "answer missing" });
  if (!found) box.append(make("p", { class: "badge" }, "Not in the documents"));
  text.append(...reply.citations.map((_, index) => reference(turn, index + 1)));
  box.append(text);
  if (found) box.append(notes(turn, "Where it says so", reply.citations, (one) => one.quote));
  box.append(facts(reply));
  return box;
}

/** The reply to /search as elements. */
function passages(turn, reply) {
  if (!Array.isArray(reply?.passages)) throw new Problem(200, INCOMPLETE);
  const box = make("div", { class: "answer" });
  if (reply.passages.length) box.append(notes(turn, "Passages", reply.passages, (one) => one.text));
  else box.append(make("p", { class: "text" }, "No passage was found."));
  box.append(facts(reply));
  return box;
}

function reference(turn, number) {
  const goal = { href: `#note-${turn.number}-${number}`, "aria-label": `Footnote ${number}` };
  return make("sup", {}, make("a", goal, `${number}`));
}

function notes(turn, title, sources, words) {
  const id = `notes-${turn.number}`;
  const list = make("ol", { class: "notes", "aria-labelledby": id });
  for (const [index, one] of sources.entries()) list.append(note(`note-${turn.number}-${index + 1}`, one, words));
  return make("div", {}, make("h3", { id }, title), list);
}

function note(id, one, words) {
  const source = make("p", { class: "source" }, make("bdi", { class: "document" }, String(one?.document ?? "?")));
  if (Number.isInteger(one?.page)) source.append(make("span", { class: "place" }, `page ${one.page}`));
  else if (isText(one?.section) && one.section) {
    source.append(make("span", { class: "place" }, "section ", make("bdi", {}, one.section)));
  }
  if (Number.isFinite(one?.score)) source.append(make("span", { class: "score" }, `score ${one.score.toFixed(2)}`));
  const quote = make("blockquote", { dir: "auto" }, String(words(one ?? {}) ?? ""));
  return make("li", { id, tabindex: "-1" }, source, quote);
}

function facts(reply) {
  const said = [CACHE[reply.cache] ?? ""];
  const { input_tokens: read, output_tokens: written } = reply.usage ?? {};
  if (Number.isInteger(read) && Number.isInteger(written)) {
    const [most, few] = [read, written].map((tokens) => tokens.toLocaleString("en"));
    said.push(read + written ? `${most} tokens read, ${few} written` : "no tokens");
  }
  return make("p", { class: "facts" }, said.filter(Boolean).join(" · "));
}

function problem(turn, error) {
  const box = make("div", { class: "problem", role: "alert" });
  box.append(make("p", { class: "what" }, PROBLEMS[error.status] ?? "The question was not answered."));
  if (error.message) box.append(make("p", { class: "text", dir: "auto" }, error.message));
  if (error.retryAfter > 0) box.append(make("p", { class: "when" }, `Ask again ${later(error.retryAfter)}.`));
  const again = make("button", { type: "button", class: "quiet" }, "Ask again");
  again.addEventListener("click", () => {
    run(turn);
    question.focus();
  });
  box.append(again);
  return box;
}

function later(seconds) {
  const at = new Date(Date.now() + seconds * 1000);
  const clock = at.toLocaleTimeString([], { timeStyle: seconds < 60 ? "medium" : "short" });
  if (seconds < 120) return `in ${seconds} ${seconds === 1 ? "second" : "seconds"}, at ${clock}`;
  if (seconds < 7200) return `in ${Math.ceil(seconds / 60)} minutes, at ${clock}`;
  return `in ${Math.ceil(seconds / 3600)} hours, at ${clock}`;
}

/** A new question in the conversation. */
function begin(verb, text, names) {
  count += 1;
  const body = { question: text };
  if (names.length) body.filter = { documents: names };
  const box = make("article", { class: "turn" }, make("h2", { dir: "auto" }, text));
  if (names.length) {
    const listed = names.flatMap((name) => [", ", make("bdi", {}, name)]).slice(1);
    box.append(make("p", { class: "scope" }, "Only in ", ...listed));
  }
  byId("intro").hidden = true;
  log.append(box);
  return { number: count, verb, body, box };
}

/** Ask what this turn asks, in the place of what came of it before. */
async function run(turn) {
  const mine = (pending = new AbortController());
  const asks = turn.verb === "ask";
  turn.box.querySelector(":scope > .problem")?.remove();
  const ended = wait(asks ? "Looking for the answer…" : "Looking for passages…");
  turn.box.scrollIntoView({ block: "start" });
  let came;
  try {
    const body = asks && session ? { ...turn.body, session_id: session } : turn.body;
    const reply = await post(turn.verb, body, mine.signal);
    came = asks ? answered(turn, reply) : passages(turn, reply);
  } catch (error) {
    const said = mine.signal.aborted ? new Problem(-1, "You stopped it.") : error;
    if (said.status === 404) session = ""; // asked again, it begins a new one
    came = problem(turn, said);
  }
  ended();
  pending = null;
  turn.box.append(came);
  turn.box.scrollIntoView({ block: "start" });
}

/** Shows that an answer is waited for; returns what ends it. */
function wait(text) {
  const began = Date.now();
  const show = () => (byId("elapsed").textContent = `${Math.floor((Date.now() - began) / 1000)} s`);
  const busy = (yes) => {
    byId("waiting").hidden = !yes;
    for (const one of document.querySelectorAll("#ask, #search, .problem button")) one.disabled = yes;
  };
  busy(true);
  show();
  byId("status").textContent = text;
  const timer = setInterval(show, 1000);
  return () => {
    clearInterval(timer);
    byId("status").textContent = "";
    busy(false);
  };
}

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = question.value.trim();
  if (pending) return;
  if (text) {
    const names = documents.value.split(",").map((name) => name.trim()).filter(Boolean);
    run(begin(event.submitter?.value ?? "ask", text, [...new Set(names)]));
    question.value = "";
  }
  question.focus();
});

question.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if (!pending) byId("composer").requestSubmit(byId("ask"));
});

byId("stop").addEventListener("click", () => {
  pending?.abort();
  question.focus();
});

byId("fresh").addEventListener("click", () => {
  pending?.abort();
  session = "";
  log.replaceChildren();
  byId("intro").hidden = false;
  question.focus();
});
