import { describe, expect, it } from "vitest";
import { type Facts, identifyBlas, render, warningsOf } from "./doctor.ts";

const torchCpu = "/usr/lib/libtorch_cpu.so.1.13.0";

describe("identifyBlas", () => {
  it.each([
    [
      ["/usr/lib/openblas-pthread/libblas.so.3", "/usr/lib/openblas-pthread/libopenblasp-r0.3.21.so"],
      "OpenBLAS",
      false,
    ],
    [["/usr/lib/x86_64-linux-gnu/blas/libblas.so.3.11.0"], "reference BLAS", true],
    [["/opt/intel/libmkl_core.so.2"], "MKL", false],
  ])("%j", (libraries, name, slow) => {
    expect(identifyBlas([torchCpu, ...libraries], "BLAS_INFO=generic,")).toMatchObject({ name, slow });
  });

  it("asks the build description where no library shows", () => {
    expect(identifyBlas([torchCpu], "Build settings: BLAS_INFO=mkl, X=1")).toEqual({
      ...{ name: "MKL", path: null, slow: false },
    });
    expect(identifyBlas([], "").name).toBe("unknown");
  });
});

const engine = {
  version: "2.6.0",
  location: torchCpu,
  blas: { name: "OpenBLAS", path: null, slow: false },
  threads: 2,
  product_gflops: { float32: 50, bfloat16: 400 },
  dtype_auto: "bfloat16",
  cuda_devices: 0,
};

describe("warningsOf", () => {
  it("is silent where all is well and names the command where it is not", () => {
    expect(warningsOf(engine)).toEqual([]);
    const slow = { ...engine, blas: { name: "reference BLAS", path: null, slow: true } };
    expect(warningsOf(slow)[0]).toContain("apt-get install libopenblas0-openmp");
  });
});

describe("render", () => {
  const facts: Facts = {
    unmask: "0.1.0",
    node: "20.0.0",
    platform: "linux-x64",
    cpu: "A processor",
    cpus: 2,
    bfloat16_flags: ["amx_bf16"],
    memory: { total_bytes: 2 ** 33, free_bytes: 2 ** 32 },
    sandbox: { name: "bubblewrap", filtered: true, python: "/usr/bin/python3", rejected: [] },
    torch: engine,
    setup: null,
    warnings: [],
  };

  it("says every fact on a line of its own", () => {
    const lines = render(facts).split("\n");
    expect(lines).toHaveLength(11);
    expect(render(facts)).toContain("float32 50 GFLOP/s, bfloat16 400 GFLOP/s; dtype auto is bfloat16");
    expect(render(facts)).toContain("8.0 GiB, 4.0 GiB free");
  });

  it("names the isolation of generated programs, or why there is none", () => {
    expect(render(facts)).toContain("bubblewrap, system calls filtered (/usr/bin/python3)");
    const none = {
      name: "none",
      filtered: false,
      python: null,
      rejected: ["bwrap is not installed"],
    } as const;
    expect(render({ ...facts, sandbox: none })).toContain("programs are not run: bwrap is not installed");
  });

  it("says what there is of an engine that could not be loaded, and what it lacks", () => {
    const setup = {
      addon: null,
      libtorch: null,
      rejected: ["/usr/bin/python3: it has no PyTorch"],
      missing: ["libtorch-dev", "cmake"],
      next: "run: npx unmask setup",
    };
    const text = render({ ...facts, torch: null, setup });
    expect(text).toContain("none that can be used; not /usr/bin/python3: it has no PyTorch");
    expect(text).toMatch(/^addon +not built$/m);
    expect(text).toMatch(/^missing +libtorch-dev, cmake$/m);
    expect(text).not.toContain("GFLOP/s");
  });
});
