// The same in a browser that runs no script of a page.
import { live } from "./journey.mjs";

await live({ scripts: false });
