import { expect, test } from "vitest";
import { parseOptions } from "./context.mjs";
import { provideLibtorch } from "./engine.mjs";
import { realHost } from "./host.mjs";
import { handInstructions } from "./system.mjs";

test("--download takes cpu or cuda", () => {
  expect(parseOptions(["--download", "cuda", "--quiet"])).toMatchObject({ download: "cuda", quiet: true });
  expect(parseOptions(["--download=cpu"]).download).toBe("cpu");
  expect(() => parseOptions(["--download"])).toThrow("--download takes cpu or cuda, not nothing");
  expect(() => parseOptions(["--download", "rocm"])).toThrow('not "rocm"');
});

test("what must be installed by hand, as one command for each kind of system", () => {
  const host = (osRelease: string, platform = "linux") => ({
    ...realHost(),
    platform,
    root: false,
    read: (path: string) => (path === "/etc/os-release" ? osRelease : undefined),
  });
  const all = ["libtorch-dev", "libopenblas0-openmp", "g++", "cmake", "make"];
  const commandOn = (id: string, platform?: string) =>
    /Run: (.*)$/m.exec(handInstructions(host(id, platform), all, "why"))?.[1];
  expect(commandOn("ID=debian")).toBe(`sudo apt-get install -y --no-install-recommends ${all.join(" ")}`);
  expect(commandOn("ID=fedora")).toBe("sudo dnf install -y python3-torch-devel gcc-c++ cmake make");
  expect(commandOn('ID=rocky\nID_LIKE="rhel centos fedora"')).toBe("sudo dnf install -y gcc-c++ cmake make");
  expect(commandOn("ID=manjaro\nID_LIKE=arch")).toBe("sudo pacman -S --needed python-pytorch gcc cmake make");
  expect(commandOn("", "darwin")).toBe("xcode-select --install && brew install pytorch cmake");
  expect(commandOn("ID=void")).toContain("your package manager for libtorch-dev");
  expect(handInstructions(host("ID=fedora"), all, "why")).toContain("--download cpu");
});

test("musl and Windows get a sentence", async () => {
  const on = (change: object) => {
    const host = { ...realHost(), ...change };
    const say = () => undefined;
    return provideLibtorch({
      state: "",
      torch: "",
      host,
      options: parseOptions([]),
      say,
      exclusive: async () => {},
    });
  };
  await expect(on({ glibc: false })).rejects.toThrow(/musl.*node:22-bookworm/);
  await expect(on({ platform: "win32" })).rejects.toThrow(/Windows.*wsl --install/);
  expect(realHost().glibc).toBe(true); // where this test runs
});
