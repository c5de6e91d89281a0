// The script of the report: it fills in the replay of an answer when that is opened, and filters the list of answers.
// It writes texts with textContent only, so that no text can become markup.

export const replayScript = `
"use strict";
const answers = JSON.parse(document.getElementById("replays").textContent);

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/* pieces: texts of the tokens; steps: forward (from 0) that wrote each, -1 if none did; sure: its probability then */
function player(box, { pieces, steps, sure, forwards }) {
  const text = box.querySelector(".answer");
  const spans = pieces.map((piece, at) => {
    const span = make("span", {});
    const said = steps[at] < 0 ? "not decoded" : "forward " + (steps[at] + 1) + (sure[at] === null ? "" : ", probability " + sure[at].toFixed(2));
    span.title = said;
    span.style.setProperty("--late", forwards < 2 || steps[at] < 0 ? 0 : steps[at] / (forwards - 1));
    return span;
  });
  text.replaceChildren(...spans);
  const slider = make("input", { type: "range", min: 0, max: forwards, value: forwards, "aria-label": "forwards" });
  const output = make("output", { "aria-live": "off" });
  const play = make("button", { type: "button" }, "Play");
  const order = make("input", { type: "checkbox" });
  const back = make("button", { type: "button", "aria-label": "one forward back" }, "‹");
  const next = make("button", { type: "button", "aria-label": "one forward on" }, "›");
  let timer = 0;
  let moved = false;

  function show() {
    const now = Number(slider.value);
    let written = 0;
    spans.forEach((span, at) => {
      const isOpen = now < forwards && (steps[at] < 0 || steps[at] >= now);
      const isFresh = moved && now > 0 && steps[at] === now - 1;
      if (!isOpen) written++;
      span.textContent = isOpen ? "▒" : pieces[at];
      span.className = isOpen ? "open" : order.checked ? "order" : isFresh ? "fresh" : "";
    });
    output.textContent = "after " + now + " of " + forwards + " forwards: " + written + " of " + pieces.length + " tokens";
    slider.setAttribute("aria-valuetext", output.textContent);
  }
  function stop() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  }
  function move(by) {
    moved = true;
    stop();
    slider.value = Number(slider.value) + by;
    show();
  }
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (Number(slider.value) >= forwards) slider.value = 0;
    moved = true;
    play.textContent = "Pause";
    show();
    timer = setInterval(() => {
      slider.value = Number(slider.value) + 1;
      show();
      if (Number(slider.value) >= forwards) stop();
    }, Math.max(60, Math.min(500, 6000 / forwards)));
  });
  slider.addEventListener("input", () => move(0));
  order.addEventListener("change", show);
  back.addEventListener("click", () => move(-1));
  next.addEventListener("click", () => move(1));
  text.before(make("div", { class: "player" }, play, back, slider, next, output, make("label", {}, order, " colour by order")));
  show();
  return {
    forwards,
    restart: () => move(-forwards),
    isDone: () => Number(slider.value) >= forwards,
    advance: () => move(1),
  };
}

/* one button for several replays: a forward of each at a time, so that the one with fewer is done first */
function together(list, players) {
  const button = make("button", { type: "button" }, "Play all");
  let timer = 0;
  function stop() {
    clearInterval(timer);
    timer = 0;
    button.textContent = "Play all";
  }
  button.addEventListener("click", () => {
    if (timer) return stop();
    if (players.every((one) => one.isDone())) for (const one of players) one.restart();
    button.textContent = "Pause";
    timer = setInterval(() => {
      for (const one of players) if (!one.isDone()) one.advance();
      if (players.every((one) => one.isDone())) stop();
    }, Math.max(60, Math.min(500, 6000 / Math.max(...players.map((one) => one.forwards)))));
  });
  list.before(make("div", { class: "player" }, button));
}

function prepare(details) {
  if (!details.open || details.dataset.ready) return;
  details.dataset.ready = "yes";
  const players = [...details.querySelectorAll("[data-replay]")].map((box) => player(box, answers[box.dataset.replay]));
  const list = details.querySelector(".beside");
  if (list && players.length > 1) together(list, players);
}

for (const details of document.querySelectorAll("details[data-answer]")) {
  details.addEventListener("toggle", () => prepare(details));
  prepare(details);
}

for (const filters of document.querySelectorAll(".filters")) {
  const list = filters.nextElementSibling;
  for (const button of filters.querySelectorAll("button")) {
    button.addEventListener("click", () => {
      for (const one of filters.querySelectorAll("button")) one.setAttribute("aria-pressed", String(one === button));
      for (const details of list.querySelectorAll("details")) {
        details.hidden = button.value !== "all" && details.dataset.verdict !== button.value;
      }
    });
  }
}
`;
