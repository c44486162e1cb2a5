//! The six methods of [`Bus`](nova_core::bus::Bus) from two generic ones.

/// Inside `impl Bus for X`, where `X` has `fn get<W: Word>` and `fn put<W: Word>`.
macro_rules! bus_methods {
    () => {
        #[inline]
        fn read8(&self, at: nova_core::bus::Offset<u8>) -> Result<u8, Self::Error> {
            self.get(at)
        }
        #[inline]
        fn read16(&self, at: nova_core::bus::Offset<u16>) -> Result<u16, Self::Error> {
            self.get(at)
        }
        #[inline]
        fn read32(&self, at: nova_core::bus::Offset<u32>) -> Result<u32, Self::Error> {
            self.get(at)
        }
        #[inline]
        fn write8(&self, at: nova_core::bus::Offset<u8>, value: u8) -> Result<(), Self::Error> {
            self.put(at, value)
        }
        #[inline]
        fn write16(&self, at: nova_core::bus::Offset<u16>, value: u16) -> Result<(), Self::Error> {
            self.put(at, value)
        }
        #[inline]
        fn write32(&self, at: nova_core::bus::Offset<u32>, value: u32) -> Result<(), Self::Error> {
            self.put(at, value)
        }
    };
}
