/** Class of a box that scrolls within itself, for tables with more rows than one takes in at a glance. */
export const tall = (rows: number): string => (rows > 16 ? " tall" : "");
