// The tree as it is fetched: page by page, and of a large one only the pages in sight.
import { useEffect, useState } from "./lib.js";
import { look } from "./contract.js";
import { offers, told } from "./node.js";
import { filtered, linesOf } from "./rows.js";

/** Lines of a page, and how many lines are held as a whole, so that they can be folded. */
const PAGE = 500;
const WHOLE = 2000;

/** Waits between two looks: none longer than the first, and none shorter than what the node needs for a few. */
const IDLE_MS = 6000;
const SOON_MS = 300;

/**
 * The tree's lines: `{lines, total, whole, sleepers, error}`. `from` and `until` are the lines in sight. A node that tells no pages is drawn from its
 * view.
 */
export function useTree({ search, only, from, until, view }) {
  const [state, set] = useState({ pages: new Map(), total: 0, key: "", error: null });
  // Tried before it is known whether the node tells pages: most do, and the first look shall not wait.
  const paged = offers("/v1/tree") !== false;
  const state1 = only === "troubled" ? "" : only;
  const key = `${search}\n${only}`;
  const whole = state.total <= WHOLE;
  const first = whole ? 0 : Math.floor(from / PAGE);
  const last = whole ? Math.max(0, Math.ceil(state.total / PAGE) - 1) : Math.floor(Math.max(from, until - 1) / PAGE);
  const moved = told.value;
  useEffect(() => {
    if (!paged) return undefined;
    const gone = new AbortController();
    let timer = 0;
    const fetchPages = async () => {
      const begun = performance.now();
      try {
        const pages = new Map(state.key === key ? state.pages : []);
        let { total, sleepers } = state;
        for (let page = first; page <= last; page += 1) {
          const query = new URLSearchParams({ skip: page * PAGE, most: PAGE });
          if (search) query.set("search", search);
          if (state1) query.set("state", state1);
          const told = await look(`/v1/tree?${query}`, gone.signal);
          pages.set(page, told.lines);
          ({ total, sleepers } = told);
        }
        for (const page of pages.keys()) if (page < first - 2 || page > last + 2) pages.delete(page);
        set({ pages, total, sleepers, key, error: null });
      } catch (error) {
        if (error.name === "AbortError") return;
        set((old) => ({ ...old, error }));
      }
      timer = setTimeout(fetchPages, Math.max(IDLE_MS, (performance.now() - begun) * 20));
    };
    timer = setTimeout(fetchPages, state.key === key && state.pages.size ? SOON_MS : 0);
    return () => { gone.abort(); clearTimeout(timer); };
  }, [paged, key, first, last, moved]);
  if (!paged) {
    if (!view) return { lines: null, total: 0, whole: true, error: null };
    const fit = filtered(linesOf(view.tree), { search, only });
    return { lines: fit.lines, total: fit.lines.length, whole: true, error: null };
  }
  if (!state.pages.size) return { lines: null, total: 0, whole: true, error: state.error };
  if (whole) {
    const lines = [...state.pages.entries()].sort((a, b) => a[0] - b[0]).flatMap(([, page]) => page);
    // The node chose by the search already; what needs a look is chosen here.
    const fit = only === "troubled" ? filtered(lines, { only }) : { lines };
    return { lines: fit.lines, total: fit.lines.length, whole: true, sleepers: state.sleepers, error: state.error };
  }
  return { lines: null, sleepers: state.sleepers, at: (index) => state.pages.get(Math.floor(index / PAGE))?.[index % PAGE], total: state.total, whole: false, error: state.error };
}
