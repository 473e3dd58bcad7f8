// axe-core over the page that is open, by day and by night, and pictures of it in target/screenshots.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SHOTS = fileURLToPath(new URL("../../target/screenshots", import.meta.url));

export const looking = (browser) => async (name) => {
  await browser.shoot(SHOTS, name);
  for (const value of ["light", "dark"]) {
    await browser.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });
    await browser.run(AXE);
    const violations = await browser.run(`axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes.map((node) => node.html + " " + node.failureSummary).join("; ")))`);
    assert.deepEqual(violations, [], `${name}, ${value}`);
  }
};
