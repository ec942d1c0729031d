/** How many rows of a list are seen in whole: what is cut is counted among those that did not fit. */

import { nextTick, onBeforeUnmount, onMounted, ref, watch, type Ref } from "vue";

/** Of the rows of `list`, as it stands in its panel; measured anew when either changes. */
export function useFit(list: Ref<HTMLElement | null>, rows: () => unknown): Ref<number> {
  const fit = ref(Number.POSITIVE_INFINITY);
  let sizes: ResizeObserver | null = null;

  function measure(): void {
    const frame = list.value?.parentElement;
    if (!frame) return;
    const bottoms = [...(list.value as HTMLElement).children].map((row) => row.getBoundingClientRect().bottom);
    fit.value = whole(bottoms, frame.getBoundingClientRect().bottom);
  }

  function watchSize(): void {
    sizes?.disconnect();
    if (list.value?.parentElement) sizes?.observe(list.value.parentElement);
    measure();
  }

  onMounted(() => { sizes = new ResizeObserver(measure); watchSize(); });
  watch(rows, () => nextTick(watchSize));
  onBeforeUnmount(() => sizes?.disconnect());
  return fit;
}

/** How many of the rows end above the edge; a pixel is no cut. */
export function whole(bottoms: number[], edge: number): number {
  const cut = bottoms.findIndex((bottom) => bottom > edge + 1);
  return cut < 0 ? bottoms.length : cut;
}
