// What deploy/ and docs/serve.md name must exist: metrics, flags, fields.

import { readFileSync } from "node:fs";
import { collectDefaultMetrics, Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { program } from "../../src/cli/command-line.ts";
import { chatFields, completionFields } from "../../src/serve/http/fields.ts";
import { testApp } from "./app.ts";

const read = (path: string) => readFileSync(new URL(`../../../../${path}`, import.meta.url), "utf8");
const docs = read("docs/serve.md");

const ours = testApp()
  .service.metrics.registry.getMetricsAsArray()
  .map(({ name }) => name);

describe("the dashboard", () => {
  it("asks for metrics that there are", () => {
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });
    const known = [...ours, ...registry.getMetricsAsArray().map(({ name }) => name)];
    const dashboard = JSON.parse(read("deploy/grafana/unmask.json")) as {
      panels: { title: string; targets: { expr: string }[] }[];
    };
    const asked = dashboard.panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => namesIn(expr)));
    expect(new Set(asked).size).toBeGreaterThan(12);
    for (const name of asked) expect(known, name).toContain(name);
  });

  const namesIn = (expr: string) =>
    (expr.match(/\b(unmask|process|nodejs)_\w+/g) ?? []).map((name) =>
      ours.includes(name) ? name : name.replace(/_(bucket|sum|count)$/, ""),
    );
});

describe("the page on serving", () => {
  it("lists every metric of ours, and no other", () => {
    const listed = new Set(docs.match(/\bunmask_\w+/g));
    expect([...listed].sort()).toEqual([...ours].sort());
  });

  it("lists every field of a request", () => {
    const fields = new Set([...Object.keys(chatFields.shape), ...Object.keys(completionFields.shape)]);
    for (const field of fields) expect(docs, field).toContain(`\`${field}\``);
  });

  it("names flags that there are", () => {
    for (const flag of docs.match(/(?<=`)--[a-z-]+/g) ?? []) expect(flagsOfServe, flag).toContain(flag);
  });
});

const flagsOfServe = ["--help", ...program().commands.find((one) => one.name() === "serve")!.options].map(
  (one) => (typeof one === "string" ? one : one.long),
);

describe("the manifests", () => {
  it("give flags that there are, and ask the paths that there are", async () => {
    const { spec } = parse(read("deploy/kubernetes/deployment.yaml")).spec.template;
    const [container] = spec.containers;
    for (const arg of container.args) expect(flagsOfServe).toContain(arg.split("=")[0]);
    const { get } = testApp();
    for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"]) {
      expect((await get(container[probe].httpGet.path)).status).toBe(200);
    }
    const limit = Number(
      container.args.find((arg: string) => arg.startsWith("--shutdown-timeout"))?.split("=")[1],
    );
    const before = Number(container.lifecycle.preStop.exec.command[1]);
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(limit + before);
  });
});
