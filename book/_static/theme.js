/*
 * The theme of a new reader is the machine's, before the page is drawn for the first time. The
 * site's own script, which says so later, would draw a light page first.
 */
{
  const page = document.documentElement.dataset;
  if (!["light", "dark"].includes(page.mode)) {
    page.mode = "auto";
    page.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }
}
