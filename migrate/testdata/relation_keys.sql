CREATE TABLE "tomes" (
  "id" INTEGER PRIMARY KEY AUTOINCREMENT,
  "room" VARCHAR(255),
  "number" INTEGER,
  "lent_to" VARCHAR(255) NOT NULL,
  "next" INTEGER,
  CONSTRAINT "tomes_room_number_fkey" FOREIGN KEY ("room", "number") REFERENCES "shelves" ("room", "number"),
  CONSTRAINT "tomes_lent_to_fkey" FOREIGN KEY ("lent_to") REFERENCES "readers" ("card") ON UPDATE CASCADE,
  CONSTRAINT "tomes_next_fkey" FOREIGN KEY ("next") REFERENCES "tomes" ("id") ON UPDATE RESTRICT ON DELETE SET NULL
)
