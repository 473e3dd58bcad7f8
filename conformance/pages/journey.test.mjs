// With the pages' scripts.
import { live } from "./journey.mjs";

await live({ scripts: true });
