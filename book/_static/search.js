/*
 * A result of the search leads to the section that holds the words. Sphinx links sections whose titles
 * hold them, and else the top of a page; but it fetches that page for the lines that it shows, so the
 * section can be looked up there.
 */
(() => {
  "use strict";

  /** Words of a section without those of its subsections, as the index has them. */
  function stems(section) {
    const own = section.cloneNode(true);
    for (const part of own.querySelectorAll("section, script, style")) part.remove();
    const stemmer = new Stemmer();
    return splitQuery(own.textContent.toLowerCase()).map((word) => stemmer.stemWord(word));
  }

  /** The first section that holds most of the terms; none where that is the page's own beginning. */
  function sectionWith(terms, html) {
    const page = new DOMParser().parseFromString(html, "text/html");
    let [best, most] = [null, 0];
    for (const section of page.querySelectorAll("section[id]")) {
      const words = stems(section);
      const count = [...terms].filter((term) => words.some((word) => word.includes(term))).length;
      if (count > most) [best, most] = [section, count];
    }
    return best?.parentElement.closest("section[id]") ? best : null;
  }

  function lead(link, section) {
    const heading = section.querySelector("h2, h3, h4, h5, h6");
    heading?.querySelector(".headerlink")?.remove();
    link.hash = section.id;
    if (heading) link.append(` > ${heading.textContent.trim()}`);
  }

  if (typeof Search === "undefined") return;
  const summarise = Search.makeSearchSummary;
  Search.makeSearchSummary = (html, terms, anchor) => {
    const summary = summarise(html, terms, anchor);
    const section = summary && !anchor ? sectionWith(terms, html) : null;
    // As soon as it stands below its link.
    if (section) queueMicrotask(() => lead(summary.parentElement.querySelector("a"), section));
    return summary;
  };
})();
