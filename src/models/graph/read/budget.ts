/** How much may be made out of a file: functions that call functions, and constants out of shapes, grow without end otherwise. */

/** Functions within functions and branches within branches. */
export const MOST_LEVELS = 32;
/** Nodes that any file may become; every four bytes of it add one. */
const NODES = 10_000;
/** Elements that may be computed for any file; every byte of it adds two. */
const ELEMENTS = 2 ** 22;

export class Budget {
  private nodes: number;
  private elements: number;

  /** `bytes` is the size of the file. */
  constructor(bytes: number) {
    this.nodes = NODES + bytes / 4;
    this.elements = ELEMENTS + 2 * bytes;
  }

  /** Throws where the file has become more nodes than it may. */
  takeNode(level: number): void {
    if (level > MOST_LEVELS)
      throw new Error(`The model nests functions or branches deeper than ${MOST_LEVELS} levels`);
    this.nodes--;
    if (this.nodes < 0) throw new Error('The model becomes far more nodes than its file has');
  }

  /** Throws where more constants have been computed than the file may ask for. */
  takeElements(count: number): void {
    this.elements -= count;
    if (this.elements < 0) throw new Error('The model computes far more constants than its file holds');
  }
}
