/** The smallest of many numbers, again and again, while others are added. */

export class MinHeap {
  /** Each is at most as large as its two children, at 2i + 1 and 2i + 2. */
  private readonly numbers: number[] = [];

  push(number: number): void {
    const { numbers } = this;
    let at = numbers.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (numbers[parent] <= number) break;
      numbers[at] = numbers[parent];
      at = parent;
    }
    numbers[at] = number;
  }

  /** Takes the smallest away; undefined when there is none. */
  pop(): number | undefined {
    const { numbers } = this;
    const smallest = numbers[0];
    const last = numbers.pop();
    const length = numbers.length;
    if (last === undefined || length === 0) return last;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && numbers[child + 1] < numbers[child]) child++;
      if (numbers[child] >= last) break;
      numbers[at] = numbers[child];
      at = child;
    }
    numbers[at] = last;
    return smallest;
  }
}
