/** Pillow's conversion to grey (ITU-R 601-2 luma in 16 fractional bits): shift the sum right by 16. */
export const greyWeights = { red: 19595, green: 38470, blue: 7471, half: 0x8000 } as const;
