import { defineConfig } from "@playwright/test";

// The server is started by whoever runs the tests: `cargo leptos end-to-end` or `cargo xtask test`.
export default defineConfig({
  testDir: "tests",
  // What one test pins, every page fetches that shows the wall: one at a time
  workers: 1,
  forbidOnly: !!process.env.CI,
  retries: 0,
  reporter: [["list"]],
  use: {
    baseURL: `http://${process.env.LEPTOS_SITE_ADDR ?? "127.0.0.1:3000"}`,
    browserName: "chromium",
    launchOptions: {
      // Playwright never downloads a browser: Debian's is there
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update"],
    },
    trace: "retain-on-failure",
  },
});
