"""What several tests build on; nothing here is part of the program."""
