import { defineConfig } from "@playwright/test";
import base from "./playwright.config";

// The same browser, for the pages of `streaming`; `cargo xtask test end2end` starts their server.
export default defineConfig(base, { testDir: "streaming/tests" });
