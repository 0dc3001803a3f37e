import { expect, type Page, test as base } from "@playwright/test";

/** What a page said and asked for, from its first byte. */
export interface Watch {
  /** Errors and warnings of the console, and uncaught exceptions. */
  complaints: string[];
  /** Paths and queries under /api, with their methods. */
  calls: string[];
}

/** Notes what a page says and asks for from now on. */
export function watched(page: Page): Watch {
  const watch: Watch = { complaints: [], calls: [] };
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") {
      watch.complaints.push(message.text());
    }
  });
  page.on("pageerror", (error) => watch.complaints.push(String(error)));
  page.on("request", (request) => {
    const { pathname, search } = new URL(request.url());
    if (pathname.startsWith("/api/")) watch.calls.push(`${request.method()} ${pathname}${search}`);
  });
  return watch;
}

/** What the browser itself reports: answers of 400 and above, and sockets that don't open. */
const BY_BROWSER = /^(Failed to load resource|WebSocket connection to \S+ failed)/;

/** The complaints that are the page's own. */
export function unexpected(watch: Watch) {
  return watch.complaints.filter((text) => !BY_BROWSER.test(text));
}

/** A page that fails its test when it complains on the console. */
export const test = base.extend<{ watch: Watch }>({
  watch: [
    async ({ page }, use) => {
      const watch = watched(page);
      await use(watch);
      expect(unexpected(watch)).toEqual([]);
    },
    { auto: true },
  ],
});

/** Waits until the browser has taken the page over. */
export async function hydrated(page: Page) {
  await page.locator("html[data-hydrated]").waitFor();
}

/** A text that no other test writes. */
export function unique(text: string) {
  return `${text} ${Math.random().toString(36).slice(2)}`;
}

export const PASSWORD = "correct horse";

/** Fills in the form of the page that is open: a name and a password. */
export async function fillIn(page: Page, name: string, password = PASSWORD) {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
}

/** Opens an account, with or without JavaScript; returns its name. */
export async function signUp(page: Page, name = unique("Ana").slice(0, 30)) {
  await page.goto("/sign-up");
  await fillIn(page, name);
  await page.getByRole("button", { name: "Sign up" }).click();
  await expect(page.getByTestId("visitor")).toHaveText(`Signed in as ${name}`);
  return name;
}

export { expect };
