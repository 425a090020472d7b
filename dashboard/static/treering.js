// All of this only adds: every page works without it. It keeps a page up to date, moves by keys, and makes the list of
// steps a tree that folds.
(() => {
  "use strict";
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const one = (selector, within = document) => within.querySelector(selector);

  // The tree.
  const level = (item) => Number(item.dataset.level);
  const items = () => all("ol.steps > li");
  const visible = () => items().filter((item) => !item.hidden);
  const below = (item) => {
    const found = [];
    for (let next = item.nextElementSibling; next && level(next) > level(item); next = next.nextElementSibling) found.push(next);
    return found;
  };
  const folded = new Set();

  const grow = () => {
    const tree = one("ol.steps");
    if (!tree || !items().length) return;
    tree.setAttribute("role", "tree");
    tree.setAttribute("aria-label", "Steps");
    const least = Math.min(...items().map(level));
    for (const item of items()) {
      item.setAttribute("role", "treeitem");
      item.setAttribute("aria-level", level(item) - least + 1);
      item.setAttribute("aria-selected", item.classList.contains("chosen"));
      item.tabIndex = -1;
      one("a", item).tabIndex = -1;
      if (below(item).length) item.setAttribute("aria-expanded", !folded.has(item.id));
    }
    items().forEach((item) => { item.hidden = false; });
    items().filter((item) => folded.has(item.id)).forEach((item) => below(item).forEach((inner) => { inner.hidden = true; }));
    (one("ol.steps > .chosen") || items()[0]).tabIndex = 0;
  };

  const go = (item) => {
    if (!item) return;
    items().forEach((other) => { other.tabIndex = other === item ? 0 : -1; });
    item.focus();
    one("a", item).scrollIntoView({ block: "nearest" });
  };

  const fold = (item, shut) => {
    if (shut) folded.add(item.id); else folded.delete(item.id);
    const focused = document.activeElement;
    grow();
    go(focused.closest(".steps > li"));
  };

  const inTree = (item, key) => {
    const rows = visible();
    const at = rows.indexOf(item);
    const open = item.getAttribute("aria-expanded");
    if (key === "ArrowDown") go(rows[at + 1]);
    else if (key === "ArrowUp") go(rows[at - 1]);
    else if (key === "Home") go(rows[0]);
    else if (key === "End") go(rows[rows.length - 1]);
    else if (key === "Enter") one("a", item).click();
    else if (key === "ArrowRight" && open === "false") fold(item, false);
    else if (key === "ArrowRight" && open === "true") go(rows[at + 1]);
    else if (key === "ArrowLeft" && open === "true") fold(item, true);
    else if (key === "ArrowLeft") go(rows.slice(0, at).reverse().find((other) => level(other) < level(item)));
    else return false;
    return true;
  };

  // Keys.
  const move = (by) => {
    if (one("ol.steps")) {
      const rows = visible();
      const at = rows.findIndex((row) => row === document.activeElement || row.contains(document.activeElement));
      const from = at < 0 ? rows.findIndex((row) => row.tabIndex === 0) - (by > 0 ? 1 : -1) : at;
      return go(rows[Math.max(0, Math.min(rows.length - 1, from + by))]);
    }
    const links = all(".executions tbody .what a, .groups tbody th a, .talk h2 a, .pairs-of td:last-child a");
    const at = links.indexOf(document.activeElement);
    const next = links[Math.max(0, Math.min(links.length - 1, at + by))];
    if (next) next.focus();
  };

  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || one("dialog[open]")) return;
    if (target.closest("input, select, textarea")) {
      if (key === "Escape") target.blur();
      return;
    }
    let done = true;
    if (key === "j") move(1);
    else if (key === "k") move(-1);
    else if (key === "/") one("input[type=search]")?.focus();
    else if (key === "?") one("#keys").showModal();
    else done = target.matches(".steps > li") && inTree(target, key);
    if (done) event.preventDefault();
  });

  // Live: whatever is new is fetched as the page that it is, and the parts that change take its place.
  const main = one("[data-live]");
  const leaf = (element) => element && (element.id || element.getAttribute("href"));
  let busy = false, again = false, last = 0;

  const refresh = async () => {
    if (busy || document.hidden) { again = true; return; }
    busy = true;
    again = false;
    last = Date.now();
    try {
      const answer = await fetch(location.href.split("#")[0], { headers: { accept: "text/html" } });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of all("[data-part]")) {
          const next = one(`[data-part="${part.dataset.part}"]`, page);
          if (next && next.innerHTML !== part.dataset.was) replace(part, next);
        }
        // A page that was empty has other parts now.
        if (!one("[data-part=rows]") && one("[data-part=rows]", page)) location.reload();
      }
    } catch { /* The stream tells when there is somebody again. */ }
    busy = false;
    if (again) soon();
  };

  const replace = (part, next) => {
    const focus = part.contains(document.activeElement) ? leaf(document.activeElement) : null;
    const open = all("details", part).map((details) => details.open);
    part.dataset.was = next.innerHTML;
    part.replaceChildren(...next.childNodes);
    if (open.length) all("details", part).forEach((details, at) => { details.open = open[at] ?? details.open; });
    grow();
    if (focus) all("a, li", part).find((element) => leaf(element) === focus)?.focus();
  };

  const soon = () => setTimeout(refresh, Math.max(0, 400 - (Date.now() - last)));

  if (main) {
    all("[data-part]").forEach((part) => { part.dataset.was = part.innerHTML; });
    let source = null;
    const listen = () => {
      source = new EventSource(main.dataset.live);
      source.addEventListener("execution", soon);
    };
    // A page in the cache of the browser holds no connection.
    addEventListener("pagehide", () => source?.close());
    addEventListener("pageshow", (event) => { if (event.persisted) { listen(); soon(); } });
    document.addEventListener("visibilitychange", () => { if (!document.hidden && again) soon(); });
    listen();
  }
  grow();
})();
