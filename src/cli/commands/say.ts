/** What people read while they wait: results alone go to standard output. */
export const say = (line: string): void => console.error(line);
