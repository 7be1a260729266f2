// Does nothing: what the platform itself costs.
int main(void) {
  return 0;
}
