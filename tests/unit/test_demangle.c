/* SPDX-License-Identifier: MIT */
/* Demangling: each rule of the grammar with what c++filt makes of it, and names that are made to hurt. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "types/demangle.h"
#include "unit.h"

struct pair {
	const char *mangled, *name;
};

static void types_are(const struct pair *pairs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *name = demangle_type(pairs[i].mangled);

		if (!pairs[i].name)
			ck_assert_msg(name == NULL, "%s: %s", pairs[i].mangled, name);
		else
			ck_assert_msg(name && strcmp(name, pairs[i].name) == 0, "%s: %s", pairs[i].mangled, name ? name : "none");
		free(name);
	}
}

static void symbols_are(const struct pair *pairs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *name = demangle_symbol(pairs[i].mangled);

		if (!pairs[i].name)
			ck_assert_msg(name == NULL, "%s: %s", pairs[i].mangled, name);
		else
			ck_assert_msg(name && strcmp(name, pairs[i].name) == 0, "%s: %s", pairs[i].mangled, name ? name : "none");
		free(name);
	}
}

#define TYPES_ARE(...) types_are((const struct pair[]){__VA_ARGS__}, sizeof((const struct pair[]){__VA_ARGS__}) / sizeof(struct pair))
#define SYMBOLS_ARE(...) symbols_are((const struct pair[]){__VA_ARGS__}, sizeof((const struct pair[]){__VA_ARGS__}) / sizeof(struct pair))

START_TEST(classes_have_scopes)
{
	TYPES_ARE({"3Dog", "Dog"}, {"N3zoo3DogE", "zoo::Dog"}, {"*N12_GLOBAL__N_16HiddenE", "(anonymous namespace)::Hidden"},
		  {"12_GLOBAL__N_1", "(anonymous namespace)"}, {"St9exception", "std::exception"}, {"NSt3__16localeE", "std::__1::locale"},
		  {"Z4mainE5Local", "main::Local"}, {"ZL7classesvE5Local", "classes()::Local"}, {"ZN3zoo4feedEiE5Local_0", "zoo::feed(int)::Local"},
		  {"ZN3zoo4feedEiE5Local__12_", "zoo::feed(int)::Local"}, {"ZNK3zoo4feedEvE5Local", "zoo::feed() const::Local"},
		  {"NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE",
		   "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >"},
		  {"Ss", "std::basic_string<char, std::char_traits<char>, std::allocator<char> >"},
		  {"N1A1BB5cxx11E", "A::B[abi:cxx11]"}, {"UlvE_", "{lambda()#1}"}, {"ZN1A1fEvEUliE0_", "A::f()::{lambda(int)#2}"},
		  {"ZN1A1fEvEUt_", "A::f()::{unnamed type#1}"}, {"ZN1A1fEiEd_UlvE_", "A::f(int)::{default arg#1}::{lambda()#1}"});
}
END_TEST

START_TEST(rust_has_its_own_names)
{
	SYMBOLS_ARE({"_RNvCs7Ox1k2cEK0Z_3zoo4main", "zoo::main"}, {"_RNvNtC3zoo3pen4feed", "zoo::pen::feed"},
		    {"_RNCNvC3zoo4main0", "zoo::main::{closure#0}"}, {"_RNCNvC3zoo4mains_0", "zoo::main::{closure#1}"},
		    {"_RNSNvC3zoo4mains_4once", "zoo::main::{shim:once#1}"}, {"_RINvC3zoo4feedlE", "zoo::feed::<i32>"},
		    {"_RINvNtC4core3ptr13drop_in_placeNtC3zoo3DogE", "core::ptr::drop_in_place::<zoo::Dog>"},
		    {"_RNvMNtC3zoo3penNtB2_3Dog4bark", "<zoo::pen::Dog>::bark"}, {"_RNvMC3zooNtB2_3Dog4bark", "<zoo::Dog>::bark"},
		    {"_RNvXC3zooNtB2_3DogNtB2_5Shape4area", "<zoo::Dog as zoo::Shape>::area"}, {"_RNvYNtC3zoo3DogNtB4_5Shape4area", "<zoo::Dog as zoo::Shape>::area"},
		    {"_RINvC3zoo1fRNtB2_3DogE", "zoo::f::<&zoo::Dog>"}, {"_RINvC3zoo1fQhE", "zoo::f::<&mut u8>"}, {"_RINvC3zoo1fPhOeE", "zoo::f::<*const u8, *mut str>"},
		    {"_RINvC3zoo1fAhj8_SlTlhETuEE", "zoo::f::<[u8; 8], [i32], (i32, u8), ((),)>"}, {"_RINvC3zoo1fDNtB2_5ShapeEL_E", "zoo::f::<dyn zoo::Shape>"},
		    {"_RINvC3zoo1fDNtB2_4Iterp4ItemhEL_E", "zoo::f::<dyn zoo::Iter<Item = u8>>"},
		    {"_RINvC3zoo1fDINtB2_4IterlEp4ItemhNtB2_4SendEL_E", "zoo::f::<dyn zoo::Iter<i32, Item = u8> + zoo::Send>"},
		    {"_RINvC3zoo1fFlhEuE", "zoo::f::<fn(i32, u8)>"}, {"_RINvC3zoo1fFUKClEhE", "zoo::f::<unsafe extern \"C\" fn(i32) -> u8>"},
		    {"_RINvC3zoo1fFG_RL0_hEuE", "zoo::f::<for<'a> fn(&'a u8)>"}, {"_RINvC3zoo1fKj11_Kanf_Kb1_Kc41_E", "zoo::f::<17, -15, true, 'A'>"},
		    {"_RNvC3zoo4main.llvm.123", "zoo::main"}, {"_RNvC3zoo4mainC5crate", "zoo::main"},
		    // Not understood, or none.
		    {"_RNvC3zooua4main", NULL}, {"_R0NvC3zoo4main", NULL}, {"_RNvC3zoo9main", NULL}, {"_RNv", NULL}, {"_R", NULL}, {"_RNvC3zoo4mainX", NULL},
		    {"_RNvB_1a", NULL}, {"_RINvC3zoo1fB9_E", NULL}, {"_RINvC3zoo1fKeE", NULL}, {"_RINvC3zoo1fRL5_hE", NULL});
}
END_TEST

/* References back that would double what they lead to, again and again; and descents without an end. */
START_TEST(rust_does_not_explode)
{
	_cleanup_free_ char *deep = xmalloc(4096), *wide = xstrdup("_RINvC3zoo1fTllE");

	memcpy(deep, "_RINvC3zoo1f", 12);
	memset(deep + 12, 'R', 4000);
	strcpy(deep + 4012, "hE");
	ck_assert_ptr_null(demangle_symbol(deep));
	// A pair of what stands before it, forty times.
	for (int i = 0, place = 10; i < 40; i++) {
		static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
		char *more = xasprintf("%sTB%c%c_B%c%c_E", wide, digits[(place - 1) / 62], digits[(place - 1) % 62], digits[(place - 1) / 62], digits[(place - 1) % 62]);

		place = (int)strlen(wide) - 2;
		free(wide);
		wide = more;
		_cleanup_free_ char *whole = xasprintf("%sE", wide), *name = demangle_symbol(whole);
		ck_assert_msg((name != NULL) == (i < 9), "%d", i);
	}
}
END_TEST

START_TEST(templates_and_substitutions)
{
	TYPES_ARE({"St6vectorIiSaIiEE", "std::vector<int, std::allocator<int> >"}, {"3BoxIiLi3EE", "Box<int, 3>"},
		  {"3BoxILj3ELl4ELm5ELx6ELy7EE", "Box<3u, 4l, 5ul, 6ll, 7ull>"}, {"3BoxILin3ELb1ELb0EE", "Box<-3, true, false>"},
		  {"3BoxIL5Color2ELc97EE", "Box<(Color)2, (char)97>"}, {"3BoxIJEE", "Box<>"}, {"3BoxIJicEE", "Box<int, char>"},
		  {"3BoxIJS_IiES0_EE", "Box<Box<int>, Box<int> >"}, {"N1A3BoxIiE5InnerIcEE", "A::Box<int>::Inner<char>"},
		  {"3BoxIXadL_Z3addiiEEE", "Box<&(add(int, int))>"},
		  {"St23_Sp_counted_ptr_inplaceIN3zoo3DogESaIvELN9__gnu_cxx12_Lock_policyE2EE",
		   "std::_Sp_counted_ptr_inplace<zoo::Dog, std::allocator<void>, (__gnu_cxx::_Lock_policy)2>"},
		  {"St3mapIiN1A1BESt4lessIiESaISt4pairIKiS1_EEE",
		   "std::map<int, A::B, std::less<int>, std::allocator<std::pair<int const, A::B> > >"},
		  // Substitutions are numbered in base 36.
		  {"1TIJ1A1B1C1D1E1F1G1H1I1J1KSA_EE", "T<A, B, C, D, E, F, G, H, I, J, K, K>"});
}
END_TEST

START_TEST(declarators_go_inside)
{
	TYPES_ARE({"PKc", "char const*"}, {"PcS_", NULL}, {"PVKi", "int const volatile*"}, {"RKSs",
		   "std::basic_string<char, std::char_traits<char>, std::allocator<char> > const&"},
		  {"OSs", "std::basic_string<char, std::char_traits<char>, std::allocator<char> >&&"}, {"PFivE", "int (*)()"},
		  {"PFvPKczE", "void (*)(char const*, ...)"}, {"PPFiiE", "int (**)(int)"}, {"FPFiiEcE", "int (*(char))(int)"},
		  {"A3_i", "int [3]"}, {"PA3_i", "int (*) [3]"}, {"A3_A4_i", "int [3][4]"}, {"A_i", "int []"}, {"M1Ai", "int A::*"},
		  {"M1AFivE", "int (A::*)()"}, {"M1AKFivE", "int (A::*)() const"}, {"PDoFvvE", "void (*)() noexcept"}, {"Cd", "double _Complex"},
		  {"Dn", "decltype(nullptr)"}, {"PDi", "char32_t*"}, {"DF16_", "_Float16"}, {"u6__bf16", "__bf16"});
}
END_TEST

START_TEST(symbols_of_all_kinds)
{
	SYMBOLS_ARE({"_ZTVN3zoo3DogE", "vtable for zoo::Dog"}, {"_ZTI3Dog", "typeinfo for Dog"}, {"_ZTS3Dog", "typeinfo name for Dog"},
		    {"_ZTT3Dog", "VTT for Dog"}, {"_ZGVZ4mainE5table", "guard variable for main::table"},
		    {"_ZN3zoo3DogC2Ev", "zoo::Dog::Dog()"}, {"_ZN3zoo3DogD0Ev", "zoo::Dog::~Dog()"}, {"_ZN3BoxIiEC1ERKS0_", "Box<int>::Box(Box<int> const&)"},
		    {"_ZN3zoo3Dog4barkEi", "zoo::Dog::bark(int)"}, {"_ZNK3zoo3Dog4legsEv", "zoo::Dog::legs() const"},
		    {"_ZNKR3zoo3Dog4legsEv", "zoo::Dog::legs() const &"}, {"_ZL5table", "table"}, {"_Z4workv.isra.0", "work()"},
		    {"_Z4workv@@V1", "work()"}, {"_ZN1AplERKS_", "A::operator+(A const&)"}, {"_ZN1AcvbEv", "A::operator bool()"},
		    {"_ZlsRSoRK1A", "operator<<(std::basic_ostream<char, std::char_traits<char> >&, A const&)"},
		    {"_Zli2_kd", "operator\"\" _k(double)"}, {"_Znwm", "operator new(unsigned long)"}, {"_ZdaPv", "operator delete[](void*)"},
		    {"_Z3maxIiET_S0_S0_", "int max<int>(int, int)"}, {"_Z3addIiEvRT_OS0_", "void add<int>(int&, int&&)"},
		    {"_Z3addIRiEvOT_", "void add<int&>(int&)"}, {"_ZN1AIiE3addIcEEvT_", "void A<int>::add<char>(char)"},
		    {"_Z4callIJicEEvDpT_", "void call<int, char>(int, char)"}, {"malloc", NULL}, {"_Z", NULL}, {"_ZN", NULL}, {"_Zx", NULL}, {"", NULL});
}
END_TEST

START_TEST(rust_before_v0)
{
	SYMBOLS_ARE({"_ZN4core3ptr42drop_in_place$LT$alloc..string..String$GT$17h0123456789abcdefE", "core::ptr::drop_in_place<alloc::string::String>"},
		    {"_ZN60_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..ops..Drop$GT$4drop17h0123456789abcdefE",
		     "<alloc::vec::Vec<T> as core::ops::Drop>::drop"},
		    {"_ZN4core3ops8function6FnOnce40call_once$u7b$$u7b$vtable.shim$u7d$$u7d$17h0123456789abcdefE",
		     "core::ops::function::FnOnce::call_once{{vtable.shim}}"},
		    {"_ZN1A17h0123456789abcdeXEv", "A::h0123456789abcdeX()"});
}
END_TEST

START_TEST(what_is_not_understood_has_no_name)
{
	TYPES_ARE({"", NULL}, {"*", NULL}, {"3Do", NULL}, {"0", NULL}, {"3DogX", NULL}, {"N3zooE3Dog", NULL}, {"N3zoo", NULL}, {"NE", NULL},
		  {"S_", NULL}, {"S0_", NULL}, {"T_", NULL}, {"SZZZZZZZZ_", NULL}, {"99999999999999999999A", NULL}, {"3BoxIXplLi1ELi2EEE", NULL},
		  {"DTplLi1ELi2EE", NULL}, {"P", NULL}, {"A3", NULL}, {"M1A", NULL}, {"FvvE3Dog", NULL}, {"St", NULL}, {"NStE", "std"}, {"I", NULL},
		  {"NIiEE", NULL}, {"1AI", NULL}, {"Z", NULL}, {"ZE", NULL}, {"Z4mainE", NULL}, {"DF", NULL}, {"Ul", NULL}, {"UlE", NULL}, {"U", NULL},
		  {"1AILiE", NULL}, {"1AILi3", NULL}, {"NS_3FooE", NULL}, {"NC1E", NULL});
}
END_TEST

/* A text repeated. Owner: the caller. */
static char *repeated(const char *text, size_t n, const char *end)
{
	size_t length = strlen(text);
	char *all = xmalloc(length * n + strlen(end) + 1);

	for (size_t i = 0; i < n; i++)
		memcpy(all + i * length, text, length);
	strcpy(all + n * length, end);
	return all;
}

START_TEST(depth_and_work_are_bounded)
{
	static const char *const deep[][2] = {
		{"P", "i"}, {"1AI", ""}, {"FP", "v"}, {"Z1aI", ""}, {"A1_", "i"}, {"M1A", "i"}, {"K", "i"}, {"1AIJ", "E"}, {"1AIXadL_Z", "1a"},
		{"N1A", "E"}, {"1AILZ", ""}, {"ZUl", "E_"}, {"C", "i"}, {"Dp", "i"}, {"Do", "i"}, {"NcvN", "E"},
	};

	for (size_t i = 0; i < sizeof(deep) / sizeof(deep[0]); i++) {
		for (size_t n = 1; n < 20000; n = n * 3 + 1) {
			char *mangled = repeated(deep[i][0], n, deep[i][1]);
			char *name = demangle_type(mangled), *symbol = xasprintf("_Z%s", mangled);

			ck_assert(!name || strlen(name) <= DEMANGLED_MAX);
			free(name);
			free(demangle_symbol(symbol));
			free(symbol);
			free(mangled);
		}
	}

	// Each step doubles the text: T<A,A>, T<S0_,S0_> …
	char doubling[4096] = "1TIJ1AS0_EE", *at = doubling;
	at += sprintf(at, "1TIJ");
	for (unsigned i = 0; i < 100; i++)
		at += sprintf(at, "1TIJS%.*s_S%.*s_EE", i > 0, &"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i % 36], i > 0, &"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i % 36]);
	sprintf(at, "EE");
	free(demangle_type(doubling));
	// The same as the type of a function of one argument, then of two of these.
	at = doubling;
	at += sprintf(at, "_Z1fPFviE");
	for (unsigned i = 0; i < 30; i++)
		at += sprintf(at, "PFvS%c_S%c_E", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[2 * i % 36], "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[2 * i % 36]);
	char *name = demangle_symbol(doubling);
	ck_assert_ptr_null(name);
}
END_TEST

START_TEST(functions_go_by_their_names_alone)
{
	static const struct pair pairs[] = {
		{"_ZN3zoo3Dog4barkEi", "zoo::Dog::bark"},
		{"_ZNK3zoo3DogclEv", "zoo::Dog::operator()"},
		{"_ZN12_GLOBAL__N_14feedERKSs", "(anonymous namespace)::feed"},
		{"_Z3addIiET_S0_S0_", "add<int>"},
		{"_ZTVN3zoo3DogE", "vtable for zoo::Dog"},
		{"_ZN3zoo5countE", "zoo::count"},
		{"main", NULL},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char *name = demangle_function(pairs[i].mangled);

		ck_assert_pstr_eq(name, pairs[i].name);
		free(name);
	}
}
END_TEST

START_TEST(damaged_names_end)
{
	static const char *const good[] = {
		"St3mapIiN1A1BESt4lessIiESaISt4pairIKiS1_EEE",
		"ZN3zoo4feedIPFvPKczEEEvT_E5Local__12_",
		"NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE",
		"St23_Sp_counted_ptr_inplaceIN3zoo3DogESaIvELN9__gnu_cxx12_Lock_policyE2EE",
		"3BoxIXadL_ZN1A3addIJicEEEvDpT_EEJEE",
	};
	static const char letters[] = "SNZIEJTLXDPKRFAMU_0139aivC";

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		size_t length = strlen(good[i]);
		char *copy = xstrdup(good[i]), *name = demangle_type(copy);

		ck_assert_msg(name != NULL, "%s", copy);
		free(name);
		for (size_t at = 0; at < length; at++) {
			for (size_t letter = 0; letter < sizeof(letters); letter++) {
				copy[at] = letters[letter];
				free(demangle_type(copy));
			}
			copy[at] = good[i][at];
		}
		free(copy);
	}
}
END_TEST

UNIT_SUITE("demangle", classes_have_scopes, templates_and_substitutions, declarators_go_inside, symbols_of_all_kinds, rust_before_v0, rust_has_its_own_names, rust_does_not_explode,
	   what_is_not_understood_has_no_name, depth_and_work_are_bounded, functions_go_by_their_names_alone, damaged_names_end)
