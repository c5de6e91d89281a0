// @ts-check
// The curves of a ground as a picture for the documents: right answers over tokens a forward, one curve a method.
//
//   node benchmarks/methods/chart.mjs RESULT.json CURVE OUT.svg METHOD...

import { readFileSync, writeFileSync } from "node:fs";
import { curveChart } from "../../packages/unmask/dist/evaluate/report/charts.js";

const [file = "", curve = "", out = "", ...methods] = process.argv.slice(2);
const { rows, about } = JSON.parse(readFileSync(file, "utf8"));
const points = rows
  .filter((/** @type {any} */ row) => row.curve === curve && methods.includes(row.method))
  .map((/** @type {any} */ row) => ({
    ...{ method: row.method, label: String(row.value), parallelism: row.tokens_per_forward },
    ...{ score: 100 * row.score, low: 100 * row.low, high: 100 * row.high },
  }));
const chart = curveChart(points, { title: about, axis: "right reasoning, %", methods });
const colours = ["#2563a8", "#c2571a", "#1b8a6b", "#8a4fae", "#a3781a", "#b23a6b"];
const variables = colours.map((colour, i) => `--c${i + 1}: ${colour};`).join(" ");
const legend = methods.map(
  (method, i) => `<tspan fill="${colours[i % colours.length]}" dx="${i === 0 ? 0 : 14}">${method}</tspan>`,
);
// A picture has no page around it: colours, paper and the key are its own.
const svg = chart.markup
  .replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
  .replace(
    ">",
    ` ><rect width="100%" height="100%" fill="#fff"/><style>:root { ${variables} color: #1c1f23; font-family: sans-serif; }</style>`,
  )
  .replace(
    "</svg>",
    `<text x="330" y="14" text-anchor="middle" font-weight="600">${legend.join("")}</text></svg>`,
  );
writeFileSync(out, `${svg}\n`);
